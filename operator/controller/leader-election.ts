import type { Log } from '../../functions/process/log.ts'
import { KubeError, type Kube } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { jitter, pause } from '../backoff.ts'
import { microTime } from '../micro-time.ts'

/** The times of a leadership. */
export interface LeaseTiming {
  /** After so long without a sign of life another may take the Lease; whole seconds. */
  readonly durationMs: number
  readonly renewMs: number
  /** After a renewal that failed. */
  readonly renewRetryMs: number
  /** Leads no longer than this after it sent its last renewal: what is left of the duration is for `lead` to stop. */
  readonly keepMs: number
  /** How often a candidate looks, at least; up to twice as often. */
  readonly lookMs: number
}

const TIMING: LeaseTiming = {
  durationMs: 30_000,
  renewMs: 10_000,
  renewRetryMs: 2_000,
  keepMs: 20_000,
  lookMs: 5_000,
}

/** Who competes for what. */
export interface LeadershipOptions {
  readonly kube: Kube
  readonly namespace: string
  /** Of the Lease. */
  readonly name: string
  /** Of this process; no two that run at once may have the same. */
  readonly identity: string
  readonly log: Log
  /** Ends the candidacy, and releases the Lease once `lead` is over. */
  readonly signal: AbortSignal
  /**
   * What only one process does; begun each time that leadership is won. Its signal aborts when leadership is lost or to end,
   * 10 s before anybody else can win it: it must be over by then. When it ends by itself, so does the candidacy.
   */
  readonly lead: (signal: AbortSignal) => Promise<void>
  /** Other times than the usual ones; all candidates must have the same. */
  readonly timing?: LeaseTiming
}

interface Candidate extends LeadershipOptions {
  readonly timing: LeaseTiming
}

interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string
    readonly leaseDurationSeconds?: number
    readonly leaseTransitions?: number
    readonly acquireTime?: string
    readonly renewTime?: string
  }
}

/** A Lease that is ours, and when we asked for that, by our clock. */
interface Held {
  readonly lease: Lease
  readonly askedAt: number
}

/** A version of another's Lease, and when we first saw it, by our clock: those of others are never compared. */
interface Seen {
  readonly version: string | undefined
  readonly at: number
}

/**
 * Leads whenever this process holds the Lease, until the signal aborts. Resolves when all is over and the Lease released;
 * rejects with what `lead` throws. Faults of the API server are logged and outlived.
 */
export async function runLeaderElection(options: LeadershipOptions): Promise<void> {
  const candidate = { timing: TIMING, ...options }
  const { log, signal } = candidate
  while (!signal.aborted) {
    const held = await candidacy(candidate)
    if (held === undefined) return
    log.info('Leadership was won')
    const isLost = await reign(candidate, held)
    if (!isLost) return
    log.warn('Leadership was lost')
  }
}

/** Looks at the Lease until it can be taken; undefined when the signal aborted before. */
async function candidacy(candidate: Candidate): Promise<Held | undefined> {
  const { kube, namespace, name, log, signal, timing } = candidate
  let seen: Seen = { version: undefined, at: 0 }
  while (!signal.aborted) {
    try {
      const askedAt = performance.now()
      const current = await kube.get<Lease>(KINDS.lease, { namespace, name })
      const version = current?.metadata.resourceVersion
      if (version !== seen.version) seen = { version, at: performance.now() }
      if (isFree(candidate, current, performance.now() - seen.at))
        return { lease: await write(candidate, current), askedAt }
    } catch (err) {
      if (!isRace(err)) log.warn({ err }, 'The Lease could not be looked at')
    }
    await pause(timing.lookMs * jitter(), signal)
  }
  return undefined
}

/** Leads until the end; true when leadership was lost before its time. */
async function reign(candidate: Candidate, held: Held): Promise<boolean> {
  const { signal, lead } = candidate
  const end = new AbortController()
  const onAbort = () => end.abort()
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) end.abort()
  const keeping = keep(candidate, held, end)
  let isLost = false
  try {
    await lead(end.signal)
    isLost = end.signal.aborted && !signal.aborted
  } finally {
    signal.removeEventListener('abort', onAbort)
    end.abort()
    const last = await keeping
    if (last !== undefined) await release(candidate, last)
  }
  return isLost
}

/** Renews until `end` aborts, and aborts it where the Lease can't be kept. Gives the Lease, unless another has it. */
async function keep(
  candidate: Candidate,
  { lease, askedAt }: Held,
  end: AbortController,
): Promise<Lease | undefined> {
  const { timing, log } = candidate
  let last: Lease | undefined = lease
  const untilLost = (since: number) =>
    setTimeout(() => end.abort(), Math.max(since + timing.keepMs - performance.now(), 0))
  let timer = untilLost(askedAt)
  let waitMs = timing.renewMs
  while (last !== undefined) {
    await pause(waitMs, end.signal)
    if (end.signal.aborted) break
    const since = performance.now()
    try {
      last = await renew(candidate, last)
      clearTimeout(timer)
      timer = untilLost(since)
      waitMs = timing.renewMs
    } catch (err) {
      log.warn({ err }, 'The Lease could not be renewed')
      waitMs = timing.renewRetryMs
    }
  }
  clearTimeout(timer)
  end.abort()
  return last
}

/** The renewed Lease, or undefined when it is another's. */
async function renew(candidate: Candidate, lease: Lease): Promise<Lease | undefined> {
  const { kube, namespace, name, identity } = candidate
  try {
    return await write(candidate, lease)
  } catch (fault) {
    if (!isRace(fault)) throw fault
  }
  const current = await kube.get<Lease>(KINDS.lease, { namespace, name })
  const isOurs = current === undefined || current.spec?.holderIdentity === identity
  return isOurs ? await write(candidate, current) : undefined
}

/** Hands the Lease on: who looks next can take it at once. */
async function release({ kube, log }: Candidate, lease: Lease): Promise<void> {
  try {
    const spec = { ...lease.spec, holderIdentity: '', renewTime: microTime(new Date()) }
    await kube.replace(KINDS.lease, { ...lease, spec })
    log.info('Leadership was handed on')
  } catch (err) {
    log.warn({ err }, 'The Lease could not be released; it expires')
  }
}

/** Writes that the Lease is ours now; throws when it is not the latest version of it any more. */
async function write(candidate: Candidate, lease?: Lease): Promise<Lease> {
  const { kube, namespace, name } = candidate
  const spec = { ...lease?.spec, ...holding(candidate, lease) }
  return lease === undefined
    ? await kube.create<Lease>(KINDS.lease, { metadata: { namespace, name }, spec })
    : await kube.replace<Lease>(KINDS.lease, { ...lease, spec })
}

function holding({ identity, timing }: Candidate, lease: Lease | undefined): Lease['spec'] {
  const now = microTime(new Date())
  const leaseDurationSeconds = timing.durationMs / 1000
  const held = { holderIdentity: identity, leaseDurationSeconds, renewTime: now }
  if (lease?.spec?.holderIdentity === identity) return held
  const transitions = lease?.spec?.leaseTransitions
  return { ...held, acquireTime: now, leaseTransitions: transitions === undefined ? 0 : transitions + 1 }
}

function isFree({ identity, timing }: Candidate, lease: Lease | undefined, unchangedMs: number): boolean {
  const { holderIdentity = '', leaseDurationSeconds = timing.durationMs / 1000 } = lease?.spec ?? {}
  return holderIdentity === '' || holderIdentity === identity || unchangedMs > leaseDurationSeconds * 1000
}

/** Whether somebody else was faster: the Lease has changed, has been made, or is gone. */
function isRace(fault: unknown): boolean {
  return fault instanceof KubeError && (fault.status === 409 || fault.status === 404)
}
