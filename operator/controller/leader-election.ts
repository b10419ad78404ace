import type { Log } from '../../functions/process/log.ts'
import { KubeError, type Kube } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { jitter, pause } from '../backoff.ts'
import { microTime } from '../micro-time.ts'

/** The times of the leader election, in milliseconds. */
export interface LeaseTiming {
  /** A Lease that was not renewed for this long may be taken by another candidate; whole seconds. */
  readonly durationMs: number
  /** From one renewal to the next. */
  readonly renewMs: number
  /** From a renewal that failed to the next try. */
  readonly renewRetryMs: number
  /** The leader stops this long after it sent its last successful renewal; `lead` has the rest of `durationMs` to end. */
  readonly keepMs: number
  /** How long a candidate waits before it reads the Lease again, at most; at least half of it. */
  readonly lookMs: number
}

const TIMING: LeaseTiming = {
  durationMs: 30_000,
  renewMs: 10_000,
  renewRetryMs: 2_000,
  keepMs: 20_000,
  lookMs: 5_000,
}

/** A candidate, and the Lease it competes for. */
export interface LeadershipOptions {
  readonly kube: Kube
  readonly namespace: string
  /** The name of the Lease. */
  readonly name: string
  /** Identifies this process; no two that run at once may have the same identity. */
  readonly identity: string
  readonly log: Log
  /** Ends the election: no more tries, and the Lease is released once `lead` has ended. */
  readonly signal: AbortSignal
  /**
   * The work of the leader, started each time that this process is elected. Its signal aborts when leadership is lost or the
   * election ends. It must end within 10 s: after that, another process may lead. If it ends by itself, so does the
   * election.
   */
  readonly lead: (signal: AbortSignal) => Promise<void>
  /** For tests: other times than TIMING. All candidates must use the same. */
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

/** A Lease that this process holds, and when it sent the request for it, by this process's clock. */
interface Held {
  readonly lease: Lease
  readonly askedAt: number
}

/** A version of the Lease, and when this process first saw it. Clocks of other processes are never compared. */
interface Seen {
  readonly version: string | undefined
  readonly at: number
}

/**
 * Runs `lead` whenever this process holds the Lease, until the signal aborts. Resolves after `lead` has ended and the Lease
 * is released; rejects with what `lead` throws. Errors of the API server are logged and retried.
 */
export async function runLeaderElection(options: LeadershipOptions): Promise<void> {
  const candidate = { timing: TIMING, ...options }
  const { log, signal } = candidate
  while (!signal.aborted) {
    const held = await acquire(candidate)
    if (held === undefined) return
    log.info('Leadership was won')
    const isLost = await leadWhileHeld(candidate, held)
    if (!isLost) return
    log.warn('Leadership was lost')
  }
}

/** Polls the Lease until it can be taken, and takes it; undefined when the signal aborted first. */
async function acquire(candidate: Candidate): Promise<Held | undefined> {
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
      if (!isRace(err)) log.warn({ err }, 'The Lease could not be read')
    }
    await pause(timing.lookMs * jitter(), signal)
  }
  return undefined
}

/** Runs `lead` and renews the Lease meanwhile; true when leadership was lost, not given up. */
async function leadWhileHeld(candidate: Candidate, held: Held): Promise<boolean> {
  const { signal, lead } = candidate
  const end = new AbortController()
  const onAbort = () => end.abort()
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) end.abort()
  const renewing = renewUntil(candidate, held, end)
  let isLost = false
  try {
    await lead(end.signal)
    isLost = end.signal.aborted && !signal.aborted
  } finally {
    signal.removeEventListener('abort', onAbort)
    end.abort()
    const last = await renewing
    if (last !== undefined) await release(candidate, last)
  }
  return isLost
}

/** Renews until `end` aborts, and aborts it when the Lease is lost. Gives the Lease, unless another process holds it. */
async function renewUntil(
  candidate: Candidate,
  { lease, askedAt }: Held,
  end: AbortController,
): Promise<Lease | undefined> {
  const { timing, log } = candidate
  let last: Lease | undefined = lease
  const startTimer = (since: number) =>
    setTimeout(() => end.abort(), Math.max(since + timing.keepMs - performance.now(), 0))
  let timer = startTimer(askedAt)
  let waitMs = timing.renewMs
  while (last !== undefined) {
    await pause(waitMs, end.signal)
    if (end.signal.aborted) break
    const since = performance.now()
    try {
      last = await renew(candidate, last)
      clearTimeout(timer)
      timer = startTimer(since)
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

/** Renews the Lease once; undefined when another process holds it. */
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

/** Clears the holder, so that the next candidate can take the Lease at once. */
async function release({ kube, log }: Candidate, lease: Lease): Promise<void> {
  try {
    const spec = { ...lease.spec, holderIdentity: '', renewTime: microTime(new Date()) }
    await kube.replace(KINDS.lease, { ...lease, spec })
    log.info('Leadership was released')
  } catch (err) {
    log.warn({ err }, 'The Lease could not be released; it expires')
  }
}

/** Writes this process into the Lease as its holder. Throws a KubeError when the Lease has changed since it was read. */
async function write(candidate: Candidate, lease?: Lease): Promise<Lease> {
  const { kube, namespace, name } = candidate
  const spec = { ...lease?.spec, ...holderFields(candidate, lease) }
  return lease === undefined
    ? await kube.create<Lease>(KINDS.lease, { metadata: { namespace, name }, spec })
    : await kube.replace<Lease>(KINDS.lease, { ...lease, spec })
}

function holderFields({ identity, timing }: Candidate, lease: Lease | undefined): Lease['spec'] {
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

/** Whether another process was faster: the Lease was changed, created or deleted meanwhile. */
function isRace(fault: unknown): boolean {
  return fault instanceof KubeError && (fault.status === 409 || fault.status === 404)
}
