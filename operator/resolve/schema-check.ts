import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

import { messageOf } from '../../functions/process/errors.ts'

/** The longest that compiling a schema may take, with the start of its thread on a busy machine. */
const LIMIT_MS = 10_000
/** The most that compiling a schema may hold in memory. */
const LIMIT_MB = 128

/** What is wrong with the text of a JSON Schema; undefined when nothing is. Rejects with an Error, and the fix, when it was ended. */
export type SchemaCheck = (text: string) => Promise<string | undefined>

/**
 * Makes the check of schemas. Each is compiled in a thread of its own, which is ended when it takes too long or too much
 * memory, so that no schema can stop the operator; and one after the other, so that many at a time can't either.
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
