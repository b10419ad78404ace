import type { DeadLetter, DeadLetterFilter } from '../../../functions/dead-letters/dead-letters.ts'
import { printable } from '../../dev/output/printable.ts'
import { checkEvent } from '../target/unknown-name.ts'
import { type Format, print, tell } from '../terminal/output.ts'
import { tableLines } from '../terminal/table.ts'
import { queuesOf } from '../target/queues.ts'
import { atPlatform, type ClusterOptions } from '../target/target.ts'
import { isForAll, letterFilter, type FilterOptions } from './filter.ts'

/** The options of `jobico dead list`. */
export interface DeadListOptions extends ClusterOptions, FilterOptions {
  readonly limit: number
  readonly output: Format
}

/** Prints the newest dead letters of a Job, which may be deleted. Throws an Error if there is no such Job. */
export async function deadList(
  job: string,
  keys: readonly string[],
  { limit, output, ...options }: DeadListOptions,
): Promise<void> {
  const filter = letterFilter(options, keys, Date.now())
  const { letters, total } = await atPlatform(options, async (platform) => {
    const { listDeadLetters } = await import('../../../functions/dead-letters/scan.ts')
    const [ref] = await queuesOf(platform, job)
    const found = await listDeadLetters(await platform.nats(), ref, { limit, ...filter })
    if (filter.event !== undefined && found.total === 0)
      checkEvent(await platform.events(), filter.event, platform.place)
    return found
  })
  if (output === 'json') print(JSON.stringify(letters), 'json')
  else if (letters.length > 0) for (const line of tableLines([HEAD, ...letters.map(row)])) print(line)
  if (total === 0) tell(noneFound(filter))
  if (total > letters.length) tell(`these are the newest ${letters.length} of ${total}; --limit shows more`)
}

const HEAD = ['KEY', 'EVENT', 'CODE', 'ATTEMPTS', 'TIME', 'REASON']

function row({ key, event, code, attempts, time, reason }: DeadLetter): string[] {
  return [key, event, code, String(attempts), time, printable(reason)]
}

/** Says that no dead letter was found. Pure. */
export function noneFound(filter: DeadLetterFilter): string {
  return isForAll(filter) ? 'there are no dead letters' : 'there are no such dead letters'
}
