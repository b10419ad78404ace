import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

import { messageOf } from '../../functions/process/errors.ts'

/** How long compiling a schema may take, including the start of its thread on a busy machine. */
const LIMIT_MS = 10_000
/** The heap that a thread may have to compile a schema. */
const LIMIT_MB = 128

/** Gives what is wrong with the text of a JSON Schema, or undefined. Rejects with an Error with a fix if it was aborted. */
export type SchemaCheck = (text: string) => Promise<string | undefined>

/**
 * Makes the check of schemas. Each schema is compiled in a worker thread of its own, which is terminated when it takes too
 * long or too much memory, so no schema can stop the operator. They are compiled one at a time, so many of them can't
 * either.
 */
export function createSchemaCheck(limitMs = LIMIT_MS): SchemaCheck {
  let last = Promise.resolve()
  return (text) => {
    const check = last.then(() => schemaFault(text, limitMs))
    last = check.then(
      () => undefined,
      () => undefined,
    )
    return check
  }
}

async function schemaFault(text: string, limitMs: number): Promise<string | undefined> {
  const worker = new Worker(besideThisFile(), {
    workerData: text,
    resourceLimits: { maxOldGenerationSizeMb: LIMIT_MB },
  })
  try {
    const signal = AbortSignal.timeout(limitMs)
    const [answer] = (await once(worker, 'message', { signal })) as [string | null]
    return answer ?? undefined
  } catch (cause) {
    const isLate = cause instanceof Error && cause.name === 'AbortError'
    const why = isLate ? `it took longer than ${limitMs / 1_000} s to compile` : messageOf(cause)
    throw new Error(`${why}; make the schema smaller, with fewer alternatives and references`, { cause })
  } finally {
    void worker.terminate()
  }
}

function besideThisFile(): URL {
  return new URL(
    import.meta.url.endsWith('.ts') ? './schema-worker.ts' : './schema-worker.js',
    import.meta.url,
  )
}
