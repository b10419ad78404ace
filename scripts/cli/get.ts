import { compactJson, print, type Format } from './output.ts'
import { deadText, problemText } from './problem.ts'
import { findTarget, type Target, type TargetOptions } from './target.ts'

/** The options of `jobico get`. */
export interface GetOptions extends TargetOptions {
  readonly event?: string
  readonly output: Format
}

/** What the listener says of an event. */
interface StateBody {
  readonly state: 'pending' | 'done' | 'dead'
  readonly event: string
  readonly result?: unknown
  readonly error?: { readonly code?: string; readonly reason?: string; readonly attempts?: number }
}

const LIMIT_MS = 15_000

/** Prints what became of an event, looked for at every event of the target. Throws an Error when none knows it. */
export async function get(key: string, options: GetOptions): Promise<void> {
  const target = await findTarget(options)
  const events = options.event === undefined ? target.events?.map(({ event }) => event) : [options.event]
  if (events === undefined)
    throw new Error('with --url the event must be named, too: add --event, such as --event ev1')
  const text = await firstKnown(target, events, key)
  if (text === undefined)
    throw new Error(
      `no event of the key ${key} is known at ${events.join(', ')}; it was never accepted there, or its outcome is no longer kept`,
    )
  print(options.output === 'json' ? compactJson(text) : inWords(text))
}

async function firstKnown(
  target: Target,
  events: readonly string[],
  key: string,
): Promise<string | undefined> {
  let refusal: Error | undefined
  for (const event of events) {
    const url = `${target.urlOf(event)}/events/${encodeURIComponent(key)}`
    const answer = await target.request(url, { signal: AbortSignal.timeout(LIMIT_MS) })
    const text = await answer.text()
    if (answer.ok) return text
    if (answer.status !== 404) refusal ??= new Error(problemText(answer.status, text))
  }
  if (refusal !== undefined) throw refusal
  return undefined
}

function inWords(text: string): string {
  const { state, event, error } = JSON.parse(text) as StateBody
  if (state === 'dead') return `${event} ${deadText(error ?? {})}`
  const result = state === 'done' ? resultText(text) : undefined
  return `${event} ${state}${result === undefined ? '' : `\n${result}`}`
}

/** The result as it was sent, since reading and writing it anew could change its numbers. It is the last member. */
function resultText(text: string): string | undefined {
  const compact = compactJson(text)
  const start = compact.indexOf('"result":')
  return start === -1 ? undefined : compact.slice(start + '"result":'.length, -1)
}
