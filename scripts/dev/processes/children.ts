import { availableParallelism } from 'node:os'

import { longestAttemptMs } from '../../../functions/process/attempt-limit.ts'
import { messageOf } from '../../../functions/process/errors.ts'
import type { ChildSpec } from '../desired-processes.ts'
import { atATime } from './at-a-time.ts'
import { diffChildren } from './process-diff.ts'
import type { Gateway } from '../gateway/gateway.ts'
import type { Launching } from './process.ts'
import type { Show } from '../output/report.ts'
import { supervise, type Supervised } from './supervisor.ts'

/** How long a child may take to stop, beyond the time that an attempt may take. */
const STOP_MARGIN_MS = 15_000

/** How many processes start at a time. More of them would only slow one another down, until some are too slow. */
const STARTS_AT_A_TIME = availableParallelism()
const PROGRESS_EVERY_MS = 3_000

/** The children of an instance. */
export interface Children {
  /**
   * Replaces the children with the wanted ones: starts new versions, lets them take over, then ends the old ones. Returns
   * the ids of changed children. If one does not start, keeps all old ones and throws an Error that says why.
   */
  apply(wanted: readonly ChildSpec[]): Promise<readonly string[]>
  /** The process ids of the current children, by child id; NaN for one that could not be started. */
  pids(): ReadonlyMap<string, number>
  /** Ends the listeners, then the runners, gracefully. */
  stop(): Promise<void>
  /** Kills all children. */
  kill(): void
}

/** Keeps children running, and routes the gateway to the listeners. */
export function createChildren(launching: Launching, gateway: Pick<Gateway, 'route' | 'remove'>): Children {
  const current = new Map<string, Supervised>()
  const all = new Set<Supervised>()
  let closed = false

  const start = (spec: ChildSpec): Supervised => {
    const child = supervise(spec, launching, () => {
      if (current.get(spec.id) === child && spec.component === 'listener')
        void gateway.route(spec.event, child.port())
    })
    all.add(child)
    return child
  }
  /** Ends a child; an attempt in it may take as long as the Job allows. */
  const end = async (child: Supervised) => {
    const timeoutMs = Number(child.spec.environment['JOBICO_TIMEOUT_MS'] ?? 0)
    await child.stop(longestAttemptMs(timeoutMs, true) + STOP_MARGIN_MS)
    all.delete(child)
  }
  /** Ends a replaced child after its last request. */
  const endWhenDrained = (child: Supervised | undefined, drained: Promise<void>) => {
    if (child !== undefined) void drained.then(() => end(child))
  }
  const takeOver = (child: Supervised) => {
    const { id, component, event } = child.spec
    const before = current.get(id)
    current.set(id, child)
    endWhenDrained(before, component === 'listener' ? gateway.route(event, child.port()) : Promise.resolve())
  }
  const remove = (id: string) => {
    const child = current.get(id)
    current.delete(id)
    if (child?.spec.component === 'listener') gateway.remove(child.spec.event)
    endWhenDrained(child, Promise.resolve())
  }
  const started = async (specs: readonly ChildSpec[]): Promise<Supervised[]> => {
    const children: Supervised[] = []
    const faults: string[] = []
    const progress = progressOf(specs.length, launching.show)
    await atATime(specs, STARTS_AT_A_TIME, async (spec) => {
      if (closed || faults.length > 0) return // one that does not start fails them all
      const child = start(spec)
      children.push(child)
      await child.ready.then(progress, (fault: unknown) => faults.push(messageOf(fault)))
    })
    if (faults.length === 0) return children
    await Promise.all(children.map(end))
    throw new Error(faults.join('\n'))
  }

  return {
    async apply(wanted) {
      const running = [...current.values()].map(({ spec }) => spec)
      const diff = diffChildren(running, wanted)
      const children = await started(diff.start)
      if (closed) return []
      children.forEach(takeOver)
      diff.remove.forEach(remove)
      return [...diff.start.map(({ id }) => id), ...diff.remove]
    },
    pids: () => new Map([...current].map(([id, child]) => [id, child.pid() ?? NaN])),
    async stop() {
      closed = true
      for (const component of ['listener', 'runner'])
        await Promise.all([...all].filter(({ spec }) => spec.component === component).map(end))
    },
    kill() {
      closed = true
      for (const child of all) child.kill()
    },
  }
}

/** A function to call when one more process is ready. From time to time it tells how many are. */
function progressOf(total: number, show: Show): () => void {
  let ready = 0
  let toldAt = performance.now()
  return () => {
    ready++
    if (ready === total || performance.now() - toldAt < PROGRESS_EVERY_MS) return
    toldAt = performance.now()
    show({ kind: 'note', level: 'info', text: `${ready} of ${total} processes are ready` })
  }
}
