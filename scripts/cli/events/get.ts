import type { Requests } from '../../../functions/jetstream/requests.ts'
import type { FoundEvent } from '../../../functions/outcomes/find-events.ts'
import { eventKey, resultSource, type JobRef } from '../../../functions/queues/names.ts'
import { compactJson, print, type Format } from '../terminal/output.ts'
import { problemText } from '../target/problem.ts'
import { askListener } from '../target/address.ts'
import { queuesOf } from '../target/queues.ts'
import { atTarget, type Platform, type TargetOptions, type UrlTarget } from '../target/target.ts'
import { soughtOf, type Naming, type Sought } from './sought.ts'
import { stateInWords } from './state-view.ts'

/** The options of `jobico get`. */
export interface GetOptions extends TargetOptions, Naming {
  readonly event?: string
  readonly job?: string
  readonly output: Format
}

/** Prints the state of an event, at every event of the target that knows it. Throws an Error if none does. */
export async function get(name: string | undefined, options: GetOptions): Promise<void> {
  const sought = soughtOf(name, options)
  const found = await atTarget(options, (target) =>
    target.kind === 'url' ? askUrl(target, sought, options) : askNats(target, sought, options),
  )
  for (const text of found)
    print(options.output === 'json' ? compactJson(text) : stateInWords(text), options.output)
}

async function askUrl(target: UrlTarget, sought: Sought, { event, token }: GetOptions): Promise<string[]> {
  if (event === undefined)
    throw new Error('--url needs the name of the event, too: add --event, such as --event ev1')
  if (sought.kind === 'emitted')
    throw new Error(
      `--url can not tell which event emitted ${sought.id}; give its source, too: --id ${sought.id} --source /namespaces/NAMESPACE/jobs/JOB/events/EVENT`,
    )
  const { key } = sought
  const { answer, text } = await askListener(await target.listener(event), { path: `/events/${key}`, token })
  if (answer.ok) return [text]
  throw answer.status === 404
    ? unknown(sought, event, 'name the right one with --event')
    : new Error(problemText(answer.status, text))
}

/** An event that was found, in its Job. */
interface Found {
  readonly ref: JobRef
  readonly key: string
  readonly state: FoundEvent
}

/**
 * Reads the states from NATS, with causes and effects. There may be several: a CloudEvent that was sent to several events has
 * one at each.
 */
async function askNats(platform: Platform, sought: Sought, { event, job }: GetOptions): Promise<string[]> {
  const { createRequests } = await import('../../../functions/jetstream/requests.ts')
  const refs = await queuesOf(platform, job)
  const requests = createRequests(await platform.nats())
  try {
    const all = await Promise.all(refs.map((ref) => findIn({ platform, requests, ref }, sought)))
    const found = all.flat().filter(({ state }) => event === undefined || state.event === event)
    if (found.length === 0)
      throw unknown(sought, placesOf(refs, event), 'name the namespace of a cluster with -n')
    return await Promise.all(found.map((each) => withRelations(requests, each)))
  } finally {
    requests.close()
  }
}

interface Place {
  readonly platform: Platform
  readonly requests: Requests
  readonly ref: JobRef
}

async function findIn(place: Place, sought: Sought): Promise<readonly Found[]> {
  const { findEvents } = await import('../../../functions/outcomes/find-events.ts')
  const { requests, ref } = place
  const keys = sought.kind === 'key' ? [sought.key] : await keysOfEmitted(place, sought)
  const found = await Promise.all(
    keys.map(async (key) =>
      (await findEvents(requests, ref, key)).map((state): Found => ({ ref, key, state })),
    ),
  )
  return found.flat()
}

/** The keys that an emitted event may have in a Job: its cause may be at any event, and may be kept no longer. */
async function keysOfEmitted(
  { platform, requests, ref }: Place,
  { id, cause }: Extract<Sought, { kind: 'emitted' }>,
): Promise<readonly string[]> {
  const { findEvents } = await import('../../../functions/outcomes/find-events.ts')
  const causes = await findEvents(requests, ref, cause)
  const declared = (await platform.events()).filter(
    ({ namespace, job }) => namespace === ref.namespace && job === ref.job,
  )
  const events = new Set([...causes, ...declared].map(({ event }) => event))
  return [...events].map((event) => eventKey(resultSource({ ...ref, event }), id))
}

async function withRelations(requests: Requests, { ref, key, state }: Found): Promise<string> {
  const { stateJson } = await import('../../../functions/outcomes/event-state.ts')
  const { readRelations } = await import('../../../functions/outcomes/relations.ts')
  const { cause, effects } = await readRelations(requests, { ...ref, event: state.event }, key, state)
  const relations = { ...(cause && { cause }), ...(effects.length > 0 ? { effects } : {}) }
  return stateJson({ key, event: state.event, ...relations }, state)
}

function placesOf(refs: readonly JobRef[], event: string | undefined): string {
  const jobs = refs.map(({ job }) => `Job ${job}`).join(', ')
  return event === undefined ? jobs : `event ${event} of ${jobs}`
}

/** Says why an event may not be found; `elsewhere` is how to look at another place. */
function unknown(sought: Sought, where: string, elsewhere: string): Error {
  const what = sought.kind === 'key' ? `the key ${sought.key}` : `the id ${sought.id}`
  return new Error(
    [
      `no event with ${what} is known at ${where}`,
      `  it may have been sent elsewhere: ${elsewhere}`,
      '  or with another source or id: look it up with --id ID --source SOURCE',
      '  or its outcome is no longer kept: a result for queue.doneRetentionSeconds (by default a day) or until newer results have taken its room, a dead letter for queue.deadRetentionSeconds (30 days) or until it is purged; send the event again to run it again',
    ].join('\n'),
  )
}
