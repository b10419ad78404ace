import { isTimestamp } from '../../../functions/cloudevents/cloudevent.ts'
import { DEATH_CODES, MAX_KEYS, type DeadLetterFilter } from '../../../functions/dead-letters/dead-letters.ts'
import { isEventKey } from '../../../functions/queues/names.ts'
import { closest } from '../../../schemas/closest.ts'

/** The options that select dead letters, as given on the command line. */
export interface FilterOptions {
  readonly event?: string | undefined
  readonly code?: readonly string[]
  readonly since?: string
  readonly before?: string
  readonly key?: readonly string[]
}

type DeathCode = (typeof DEATH_CODES)[number]

/**
 * The filter that options and keys make; `now` is in milliseconds since the epoch. Throws an Error that names the fix. Pure.
 */
export function letterFilter(
  { event, code, since, before, key = [] }: FilterOptions,
  keys: readonly string[],
  now: number,
): DeadLetterFilter {
  const [from, to] = [timeOf('--since', since, now), timeOf('--before', before, now)]
  if (from !== undefined && to !== undefined && from >= to)
    throw new Error('--since is not earlier than --before, so no dead letter can match; swap the two')
  return {
    event,
    codes: code?.map(checkedCode),
    since: from,
    before: to,
    keys: checkedKeys([...key, ...keys]),
  }
}

function checkedKeys(texts: readonly string[]): readonly string[] | undefined {
  const keys = [...new Set(texts)].map(checkedKey)
  if (keys.length <= MAX_KEYS) return keys.length === 0 ? undefined : keys
  throw new Error(`these are ${keys.length} keys; name at most ${MAX_KEYS} at a time`)
}

/** Whether a filter selects all dead letters. Pure. */
export function isForAll(filter: DeadLetterFilter): boolean {
  return Object.values(filter).every((each) => each === undefined)
}

/** Like `letterFilter`, for a command that changes something: it needs `--all` to select everything. Pure. */
export function explicitFilter(
  options: FilterOptions & { readonly all?: boolean },
  keys: readonly string[],
  now: number,
): DeadLetterFilter {
  const filter = letterFilter(options, keys, now)
  const isEmpty = isForAll(filter)
  if (isEmpty && !options.all)
    throw new Error('say which dead letters: with keys, --event, --code, --since or --before, or with --all')
  if (!isEmpty && options.all)
    throw new Error('--all means every dead letter; remove it, or remove the keys and the other filters')
  return filter
}

function checkedKey(text: string): string {
  if (isEventKey(text)) return text
  throw new Error(`${text} is no key: it has 26 lower-case letters and digits, as jobico dead list prints it`)
}

function checkedCode(text: string): DeathCode {
  const code = DEATH_CODES.find((each) => each === text)
  if (code !== undefined) return code
  const meant = closest(text.toUpperCase(), DEATH_CODES)
  const hint = meant === undefined ? 'take one of these' : `did you mean ${meant}?`
  throw new Error(`no event dies with the code ${text}, only with ${DEATH_CODES.join(', ')}; ${hint}`)
}

const DURATION = /^(\d{1,6})([smhd])$/
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Reads an RFC 3339 time, or a duration such as 2h, which means that long before `now`. */
function timeOf(option: string, text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined
  const [, count, unit = ''] = DURATION.exec(text) ?? []
  if (count !== undefined) return now - Number(count) * (UNIT_MS[unit] ?? 0)
  if (isTimestamp(text)) return Date.parse(text)
  throw new Error(
    `${option} ${text} is no time: give one such as 2026-01-31T12:00:00Z, or how long ago, such as 30m, 2h or 7d`,
  )
}
