import { Worker } from 'node:worker_threads'

import type { CompileAnswer, CompileRequest } from './compiler-worker.ts'
import { toolDigest } from './tool-digest.ts'
import { entryUrl } from '../processes/entry-points.ts'

/** Compiles AssemblyScript on its own thread, so that nothing else waits. The thread is kept, so that it stays warm. */
export interface Compiler {
  /** The digest of all that decides what it makes of the same files. */
  readonly tool: string
  /** Compiles a module. What does not compile is no exception: its `fault` has the place of each fault. */
  compile(module: Pick<CompileRequest, 'entry' | 'out'>): Promise<Compiled>
  /** Starts the thread, which then loads the compiler. The next module does not have to wait for that. */
  warm(): void
  close(): Promise<void>
}

/** The outcome of a compilation. */
export type Compiled = Omit<CompileAnswer, 'id'>

/** How to compile; `optimize` makes modules small and fast, and takes most of the time. */
export type CompilerOptions = Pick<CompileRequest, 'optimize'>

/** Creates a compiler. Its thread starts with the first module. */
export function createCompiler({ optimize }: CompilerOptions): Compiler {
  const waiting = new Map<number, PromiseWithResolvers<Compiled>>()
  let worker: Worker | undefined
  let count = 0

  const fail = (fault: Error) => {
    for (const { reject } of waiting.values()) reject(fault)
    waiting.clear()
    worker = undefined
  }
  const start = () => {
    const thread = new Worker(entryUrl('compiler'))
    thread.on('message', ({ id, ...compiled }: CompileAnswer) => {
      const request = waiting.get(id)
      waiting.delete(id)
      if (waiting.size === 0) thread.unref()
      request?.resolve(compiled)
    })
    thread.on('error', fail)
    thread.on('exit', (code) => fail(new Error(`the compiler ended with ${code}`)))
    return thread
  }
  return {
    tool: toolDigest({ optimize }),
    warm() {
      worker ??= start()
      if (waiting.size === 0) worker.unref()
    },
    compile(module) {
      worker ??= start()
      worker.ref()
      const request = Promise.withResolvers<Compiled>()
      waiting.set(++count, request)
      worker.postMessage({ id: count, ...module, optimize } satisfies CompileRequest)
      return request.promise
    },
    async close() {
      await worker?.terminate()
    },
  }
}
