import { parentPort } from 'node:worker_threads'

import { messageOf } from '../../../functions/process/errors.ts'
import { compileAssemblyScript } from '../../assemblyscript.ts'
import { digestOfContents, type Inputs } from './build-record.ts'

/** A module to compile; `id` comes back with the answer. */
export interface CompileRequest {
  readonly id: number
  readonly entry: string
  readonly out: string
  /** Makes the module small and fast; takes most of the compile time. */
  readonly optimize: boolean
}

/** The compiler's warnings, or the fault why it failed; and in both cases what it read. */
export interface CompileAnswer {
  readonly id: number
  readonly inputs: Inputs
  readonly diagnostics?: string
  readonly fault?: string
}

if (!parentPort) throw new Error('this file is the entry of a worker thread')
const port = parentPort

// Loads it now, as that takes a second; if it can not be loaded, the first module says so.
import('assemblyscript/asc').catch(() => undefined)

port.on('message', ({ id, ...options }: CompileRequest) => {
  const inputs: Record<string, string | null> = {}
  const onRead = (path: string, text: string | null) => {
    inputs[path] = text === null ? null : digestOfContents(text)
  }
  compileAssemblyScript({ ...options, onRead }).then(
    ({ diagnostics }) => port.postMessage({ id, inputs, diagnostics } satisfies CompileAnswer),
    (thrown: unknown) => port.postMessage({ id, inputs, fault: messageOf(thrown) } satisfies CompileAnswer),
  )
})
