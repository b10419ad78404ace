import { Worker } from 'node:worker_threads'

import { JobicoError } from '../../../functions/process/errors.ts'
import type { CompileAnswer, CompileRequest } from './compiler-worker.ts'
import { entryUrl } from '../processes/entry-points.ts'

/** Compiles AssemblyScript on its own thread, so that nothing else waits. The thread is kept, so that it stays warm. */
export interface Compiler {
  /** Compiles a module and returns the compiler's warnings. Throws MODULE_INVALID with the place of each fault. */
  compile(module: Pick<CompileRequest, 'entry' | 'out'>): Promise<string>
  close(): Promise<void>
}

/** How to compile; `optimize` makes modules small and fast, and takes most of the time. */
export type CompilerOptions = Pick<CompileRequest, 'optimize'>

/** Creates a compiler. Its thread starts with the first module. */
export function createCompiler({ optimize }: CompilerOptions): Compiler {
  const waiting = new Map<number, PromiseWithResolvers<string>>()
  let worker: Worker | undefined
  let count = 0

  const fail = (fault: Error) => {
    for (const { reject } of waiting.values()) reject(fault)
    waiting.clear()
    worker = undefined
  }
  const start = () => {
    const thread = new Worker(entryUrl('compiler'))
    thread.on('message', ({ id, diagnostics, fault }: CompileAnswer) => {
      const request = waiting.get(id)
      waiting.delete(id)
      if (waiting.size === 0) thread.unref()
      if (fault === undefined) request?.resolve(diagnostics ?? '')
      else request?.reject(new JobicoError('MODULE_INVALID', fault))
    })
    thread.on('error', fail)
    thread.on('exit', (code) => fail(new Error(`the compiler ended with ${code}`)))
    return thread
  }
  return {
    compile(module) {
      worker ??= start()
      worker.ref()
      const request = Promise.withResolvers<string>()
      waiting.set(++count, request)
      worker.postMessage({ id: count, ...module, optimize } satisfies CompileRequest)
      return request.promise
    },
    async close() {
      await worker?.terminate()
    },
  }
}
