import { parentPort } from 'node:worker_threads'

import { messageOf } from '../../../functions/process/errors.ts'
import { compileAssemblyScript } from '../../assemblyscript.ts'

/** A module to compile; `id` comes back with the answer. */
export interface CompileRequest {
  readonly id: number
  readonly entry: string
  readonly out: string
  /** Whether to make it small and fast, which takes most of the time. */
  readonly optimize: boolean
}

/** How a compilation ended: with the compiler's warnings, or with what is wrong. */
export interface CompileAnswer {
  readonly id: number
  readonly diagnostics?: string
  readonly fault?: string
}

if (!parentPort) throw new Error('this file is the entry of a worker thread')
const port = parentPort

port.on('message', ({ id, ...options }: CompileRequest) => {
  compileAssemblyScript(options).then(
    ({ diagnostics }) => port.postMessage({ id, diagnostics } satisfies CompileAnswer),
    (thrown: unknown) => port.postMessage({ id, fault: messageOf(thrown) } satisfies CompileAnswer),
  )
})
