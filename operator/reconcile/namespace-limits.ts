import type { Job, JobGranted } from '../../crds/job.ts'
import { parseQuantity } from '../../crds/quantity.ts'
import { formatBytes } from '../../functions/jetstream/stream-refusal.ts'
import { STORED_PER_MAX_BYTES } from '../../functions/queues/room.ts'
import { wrong, type Fault } from '../faults/fault.ts'
import { LIMITS_CONFIG_MAP, REACH_KEYS, readReach, type Reach } from '../resolve/reach.ts'

/** What the Jobs of one namespace may have in all; what is left out has no limit. */
export interface NamespaceLimits {
  readonly jobs?: number
  readonly events?: number
  /** The sum of `runner.maxReplicas` over all events. */
  readonly replicas?: number
  /** The sum, in bytes, of the most that Jobs may come to store, on all servers together. */
  readonly storage?: number
}

type Amounts = Required<NamespaceLimits>

/** The reason of the fault of a Job that is over a limit. */
export const LIMIT_EXCEEDED = 'LimitExceeded'

const NAMES: Readonly<Record<keyof Amounts, string>> = {
  jobs: 'Jobs',
  events: 'events',
  replicas: 'replicas of runners (the sum of `runner.maxReplicas`)',
  storage: `storage (${STORED_PER_MAX_BYTES} times \`queue.maxBytes\` for each of \`queue.replicas\`)`,
}
const KEYS = Object.keys(NAMES) as (keyof Amounts)[]

/** What a Job counts for among the limits, given the replicas of a stream if it does not say. Pure. */
export function grantedTo({ spec }: Job, queueReplicas: number): JobGranted {
  const { maxBytes, replicas = queueReplicas } = spec.queue
  return {
    events: spec.events.length,
    replicas: spec.events.reduce((sum, { runner }) => sum + runner.maxReplicas, 0),
    storage: STORED_PER_MAX_BYTES * parseQuantity(maxBytes) * replicas,
  }
}

function amountsOf(job: Job, queueReplicas: number): Amounts {
  return { jobs: 1, ...grantedTo(job, queueReplicas) }
}

/** What a Job that is not within the limits holds nevertheless, because an earlier version of it was. */
function heldBy({ status }: Job): Amounts {
  return status?.granted === undefined ? NOTHING : { jobs: 1, ...status.granted }
}

/**
 * The fault of a Job for which its namespace has no room left; undefined if it is within the limits. Jobs that serve already
 * come first and are never refused, though they count; then the oldest; of equally old ones, the lowest name. A Job that is
 * refused takes no room, so that a smaller one after it may have it, but for what an earlier version of it was granted. Pure.
 */
export function limitFault(
  job: Job,
  all: readonly Job[],
  serves: (job: Job) => boolean,
  { limits, queueReplicas }: { readonly limits: NamespaceLimits; readonly queueReplicas: number },
): Fault | undefined {
  const { namespace = '' } = job.metadata
  const others = all.filter(({ metadata }) => metadata.namespace === namespace)
  const served = others.filter(serves)
  const waiting = others
    .filter((other) => !serves(other) && other.metadata.deletionTimestamp === undefined)
    .sort(olderFirst)
  if (served.some(({ metadata }) => metadata.uid === job.metadata.uid)) return undefined
  const held = [...served.map((other) => amountsOf(other, queueReplicas)), ...waiting.map(heldBy)]
  let used = held.reduce(plus, NOTHING)
  for (const next of waiting) {
    used = minus(used, heldBy(next))
    const wanted = amountsOf(next, queueReplicas)
    const over = KEYS.find((key) => used[key] + wanted[key] > (limits[key] ?? Infinity))
    if (next.metadata.uid === job.metadata.uid)
      return over && exceeded(over, { namespace, wanted, used, limits })
    used = plus(used, over === undefined ? wanted : heldBy(next))
  }
  return undefined
}

const NOTHING: Amounts = { jobs: 0, events: 0, replicas: 0, storage: 0 }

function plus(a: Amounts, b: Amounts): Amounts {
  return {
    jobs: a.jobs + b.jobs,
    events: a.events + b.events,
    replicas: a.replicas + b.replicas,
    storage: a.storage + b.storage,
  }
}

function minus(a: Amounts, b: Amounts): Amounts {
  return plus(a, { jobs: -b.jobs, events: -b.events, replicas: -b.replicas, storage: -b.storage })
}

function exceeded(
  key: keyof Amounts,
  {
    namespace,
    wanted,
    used,
    limits,
  }: {
    readonly namespace: string
    readonly wanted: Amounts
    readonly used: Amounts
    readonly limits: NamespaceLimits
  },
): Fault {
  const text = (count: number) => (key === 'storage' ? formatBytes(count) : String(count))
  return wrong(
    LIMIT_EXCEEDED,
    `the namespace ${namespace} may have ${text(limits[key] ?? Infinity)} ${NAMES[key]}; its other Jobs take ` +
      `${text(used[key])}, and this one would take ${text(wanted[key])}; make it smaller, delete Jobs that are not needed, ` +
      `or have \`${key}\` raised in the ConfigMap ${LIMITS_CONFIG_MAP} of the operator's namespace`,
  )
}

function olderFirst({ metadata: a }: Job, { metadata: b }: Job): number {
  const [ageA = 0, ageB = 0] = [a, b].map(({ creationTimestamp }) => Date.parse(creationTimestamp ?? ''))
  return ageA - ageB || (a.name < b.name ? -1 : 1)
}

/** What the installation sets for the Jobs of one namespace. */
export type NamespaceSettings = NamespaceLimits & Reach

/** What a ConfigMap sets, or what is wrong with it. */
export interface ReadLimits {
  readonly of: (namespace: string) => NamespaceSettings
  /** A sentence for each entry that can't be read. A limit is not set by it; what may be reached is nothing then. */
  readonly faults: readonly string[]
}

/**
 * Reads the data of the ConfigMap of limits: the key `default` is for every namespace, and the name of a namespace for that
 * one, whose entries come before those of `default`. Each has lines such as `jobs: 100`, `storage: 50Gi` and `secrets: jobico-`.
 * Pure.
 */
export function readLimits(data: Readonly<Record<string, string>> = {}): ReadLimits {
  const faults: string[] = []
  const parsed = new Map(Object.entries(data).map(([name, text]) => [name, parseLimits(name, text, faults)]))
  const common = parsed.get('default') ?? {}
  return { of: (namespace) => ({ ...common, ...parsed.get(namespace) }), faults }
}

function parseLimits(name: string, text: string, faults: string[]): NamespaceSettings {
  let settings: NamespaceSettings = {}
  for (const line of text.split('\n').map((each) => each.replace(/(?:^|\s)#.*/, '').trim())) {
    if (line === '') continue
    const [, key = '', value = ''] = /^(\w+):\s*(\S.*)?$/.exec(line) ?? []
    const { set = {}, fault } = readSetting(key, value) ?? {
      fault: `"${line}" is not one of ${KEYS.join(', ')} with a number, such as jobs: 100, storage: 50Gi, and not one of ${REACH_KEYS.join(', ')}`,
    }
    settings = { ...settings, ...set }
    if (fault !== undefined) faults.push(`${name}: ${fault}`)
  }
  return settings
}

interface ReadSetting {
  readonly set?: NamespaceSettings
  readonly fault?: string
}

/** Reads one setting; undefined if there is none of this name, or if it needs a number and has none. */
function readSetting(key: string, value: string): ReadSetting | undefined {
  const ofReach = REACH_KEYS.find((each) => each === key)
  if (ofReach !== undefined) {
    const { reach, fault } = readReach(ofReach, value)
    return {
      set: reach,
      ...(fault === undefined ? {} : { fault: `${key}: ${fault}; nothing is allowed until then` }),
    }
  }
  const known = KEYS.find((each) => each === key)
  const amount = known && amountOf(known, value)
  return known === undefined || amount === undefined ? undefined : { set: { [known]: amount } }
}

function amountOf(key: keyof Amounts, value: string): number | undefined {
  if (key !== 'storage') return /^\d{1,9}$/.test(value) ? Number(value) : undefined
  try {
    return parseQuantity(value)
  } catch {
    return undefined
  }
}
