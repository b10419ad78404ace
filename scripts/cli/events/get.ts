import { isEventKey, type JobRef } from '../../../functions/queues/names.ts'
import { compactJson, print, type Format } from '../terminal/output.ts'
import { deadText, problemText } from '../target/problem.ts'
import { askListener } from '../target/address.ts'
import { queuesOf } from '../target/queues.ts'
import { atTarget, type Platform, type TargetOptions, type UrlTarget } from '../target/target.ts'

/** The options of `jobico get`. */
export interface GetOptions extends TargetOptions {
  readonly event?: string
  readonly job?: string
  readonly output: Format
}

/** The state of an event, as a listener answers it. */
interface StateBody {
  readonly state: 'pending' | 'done' | 'dead'
  readonly event: string
  readonly error?: { readonly code?: string; readonly reason?: string; readonly attempts?: number }
}

/** Prints the state of the event with a key, at every event of the target that knows it. Throws an Error if none does. */
export async function get(key: string, options: GetOptions): Promise<void> {
  if (!isEventKey(key))
    throw new Error(`${key} is no key: it has 26 lower-case letters and digits, as jobico send prints it`)
  const found = await atTarget(options, (target) =>
    target.kind === 'url' ? askUrl(target, key, options) : askNats(target, key, options),
  )
  for (const text of found) print(options.output === 'json' ? compactJson(text) : inWords(text))
}

async function askUrl(target: UrlTarget, key: string, { event, token }: GetOptions): Promise<string[]> {
  if (event === undefined)
    throw new Error('--url needs the name of the event, too: add --event, such as --event ev1')
  const { answer, text } = await askListener(await target.listener(event), { path: `/events/${key}`, token })
  if (answer.ok) return [text]
  throw answer.status === 404 ? unknown(key, event) : new Error(problemText(answer.status, text))
}

/** Reads the states from NATS. There may be several: a CloudEvent that was sent to several events has one at each. */
async function askNats(platform: Platform, key: string, { event, job }: GetOptions): Promise<string[]> {
  const { findEvents } = await import('../../../functions/outcomes/find-events.ts')
  const { createRequests } = await import('../../../functions/jetstream/requests.ts')
  const { stateJson } = await import('../../../functions/outcomes/event-state.ts')
  const refs = await queuesOf(platform, job)
  const requests = createRequests(await platform.nats())
  try {
    const all = await Promise.all(refs.map((ref) => findEvents(requests, ref, key)))
    const found = all.flat().filter((state) => event === undefined || state.event === event)
    if (found.length === 0) throw unknown(key, placesOf(refs, event))
    return found.map((state) => stateJson({ key, event: state.event }, state))
  } finally {
    requests.close()
  }
}

function placesOf(refs: readonly JobRef[], event: string | undefined): string {
  const jobs = refs.map(({ job }) => `Job ${job}`).join(', ')
  return event === undefined ? jobs : `event ${event} of ${jobs}`
}

function unknown(key: string, where: string): Error {
  return new Error(
    `no event with the key ${key} is known at ${where}; it was never accepted there, or its outcome is no longer kept`,
  )
}

function inWords(text: string): string {
  const { state, event, error } = JSON.parse(text) as StateBody
  if (state === 'dead') return `${event} ${deadText(error ?? {})}`
  const result = state === 'done' ? resultText(text) : undefined
  return `${event} ${state}${result === undefined ? '' : `\n${result}`}`
}

/** Cuts the result out of the text, where it is the last member: parsing it could change its numbers. */
function resultText(text: string): string | undefined {
  const compact = compactJson(text)
  const start = compact.indexOf('"result":')
  return start === -1 ? undefined : compact.slice(start + '"result":'.length, -1)
}
