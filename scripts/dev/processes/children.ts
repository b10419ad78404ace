import { messageOf } from '../../../functions/process/errors.ts'
import type { ChildSpec } from '../desired.ts'
import { diffChildren } from './diff.ts'
import type { Gateway } from '../gateway/gateway.ts'
import type { Launching } from './process.ts'
import { supervise, type Supervised } from './supervisor.ts'

/** How long a child that is told to stop may go on, beyond an execution that need not be cut short. */
const STOP_LIMIT_MS = 15_000

/** The children of an instance. */
export interface Children {
  /**
   * Brings the children to what is wanted: new versions are started first, then take over, then the old ones end. Gives
   * the ids of what changed. Where one does not start, all stays as it was, and the Error says why.
   */
  apply(wanted: readonly ChildSpec[]): Promise<readonly string[]>
  /** The process of a child that runs now, by the child's id. */
  pids(): ReadonlyMap<string, number>
  /** Ends the listeners, then the runners, in good order. */
  stop(): Promise<void>
  /** Ends all at once. */
  kill(): void
}

/** Keeps children running, with the gateway in front of the listeners. */
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
  const end = async (child: Supervised, limitMs: number) => {
    await child.stop(limitMs)
    all.delete(child)
  }
  /** Ends a child that serves no more in its own time: what it runs may take as long as the Job allows. */
  const retire = (child: Supervised | undefined, drained: Promise<void>) => {
    if (child === undefined) return
    const limitMs = STOP_LIMIT_MS + Number(child.spec.environment['JOBICO_TIMEOUT_MS'] ?? 0)
    void drained.then(() => end(child, limitMs))
  }
  const takeOver = (child: Supervised) => {
    const { id, component, event } = child.spec
    const before = current.get(id)
    current.set(id, child)
    retire(before, component === 'listener' ? gateway.route(event, child.port()) : Promise.resolve())
  }
  const remove = (id: string) => {
    const child = current.get(id)
    current.delete(id)
    if (child?.spec.component === 'listener') gateway.remove(child.spec.event)
    retire(child, Promise.resolve())
  }
  const started = async (specs: readonly ChildSpec[]): Promise<Supervised[]> => {
    const children = specs.map(start)
    const results = await Promise.allSettled(children.map(({ ready }) => ready))
    const faults = results.flatMap((result) =>
      result.status === 'rejected' ? [messageOf(result.reason)] : [],
    )
    if (faults.length === 0) return children
    await Promise.all(children.map((child) => end(child, STOP_LIMIT_MS)))
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
        await Promise.all(
          [...all]
            .filter(({ spec }) => spec.component === component)
            .map((child) => end(child, STOP_LIMIT_MS)),
        )
    },
    kill() {
      closed = true
      for (const child of all) child.kill()
    },
  }
}
