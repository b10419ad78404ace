import type { FullDeadLetter } from '../../../functions/dead-letters/dead-letters.ts'
import { print, writeBytes, type Format } from '../terminal/output.ts'
import type { ClusterOptions } from '../target/target.ts'
import { letterFilter } from './filter.ts'
import { letterJson, letterLines } from './letter-view.ts'
import { withDeadLetters, checkMissing, type DeadLetterSession } from './connect.ts'

/** The options of `jobico dead show`. */
export interface DeadShowOptions extends ClusterOptions {
  readonly event?: string
  /** Writes only the data, byte for byte; on a terminal, without what would act on it. */
  readonly data?: boolean
  readonly output: Format
}

/** Prints a dead letter with all its details. Throws an Error if there is none with this key. */
export async function deadShow(
  job: string,
  key: string,
  { event, data = false, output, ...where }: DeadShowOptions,
): Promise<void> {
  const filter = letterFilter({ event }, [key], Date.now())
  const found = await withDeadLetters(job, filter, where, async (session) => {
    const letters = await readLetters(session, key)
    const wanted = letters.filter(({ letter }) => event === undefined || letter.event === event)
    if (wanted.length === 0) await session.checkFilter()
    return wanted
  })
  if (found.length === 0) checkMissing(job, [key])
  if (data) await writeData(found)
  else if (output === 'json') for (const letter of found) print(letterJson(letter), 'json')
  else print(found.map((letter) => letterLines(letter).join('\n')).join('\n\n'))
}

async function readLetters(
  { connection, ref }: DeadLetterSession,
  key: string,
): Promise<readonly FullDeadLetter[]> {
  const { readDeadLetters } = await import('../../../functions/dead-letters/dead-letters.ts')
  const { createRequests } = await import('../../../functions/jetstream/requests.ts')
  const requests = createRequests(connection)
  try {
    return await readDeadLetters(requests, ref, key)
  } finally {
    requests.close()
  }
}

async function writeData(letters: readonly FullDeadLetter[]): Promise<void> {
  const [first, ...others] = letters
  if (others.length > 0) {
    const events = letters.map(({ letter }) => letter.event).join(' and ')
    throw new Error(`there are dead letters with this key at ${events}; choose one with --event`)
  }
  const data = first?.cloudEvent === undefined ? first?.message.data : first.cloudEvent.data
  await writeBytes(data ?? new Uint8Array())
}
