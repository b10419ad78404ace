/** Work that is shared out among tenants, so that none of them holds up another. */
export interface FairQueue {
  /**
   * Runs a task when its turn comes, one at a time for each tenant. Of the tenants that wait, the one goes first that has
   * used the least time lately. `large` tasks, and tenants that have used much, leave one slot free for all others.
   */
  run<T>(tenant: string, large: boolean, task: () => Promise<T>): Promise<T>
}

/** How a fair queue shares out its slots. */
export interface FairQueueOptions {
  /** How many tasks run at once, at least 2. */
  readonly slots: number
  /** A clock in milliseconds. */
  readonly now?: () => number
}

/** A tenant that has used more than this lately has used much, in milliseconds. */
const MUCH_MS = 5_000
/** After this time what a tenant has used counts half, in milliseconds. */
const HALF_LIFE_MS = 300_000
/** How many tenants are remembered with what they have used. */
const MOST_REMEMBERED = 10_000

interface Waiting {
  readonly large: boolean
  readonly order: number
  readonly start: () => Promise<void>
}

/** Makes a queue. */
export function createFairQueue({ slots, now = () => performance.now() }: FairQueueOptions): FairQueue {
  const waiting = new Map<string, Waiting[]>()
  /** The tenants of the tasks that run, and whether each leaves the last slot to others. */
  const running = new Map<string, boolean>()
  const used = new Map<string, { readonly ms: number; readonly at: number }>()
  let orders = 0

  const usedLately = (tenant: string): number => {
    const { ms, at } = used.get(tenant) ?? { ms: 0, at: 0 }
    return ms * 2 ** ((at - now()) / HALF_LIFE_MS)
  }
  const addUse = (tenant: string, ms: number) => {
    const total = usedLately(tenant) + ms
    used.delete(tenant)
    used.set(tenant, { ms: total, at: now() })
    const [oldest] = used.keys()
    if (used.size > MOST_REMEMBERED && oldest !== undefined) used.delete(oldest)
  }
  const next = (): { tenant: string; first: Waiting; yields: boolean } | undefined => {
    const yielding = [...running.values()].filter((yields) => yields).length
    return [...waiting]
      .flatMap(([tenant, [first]]) => {
        if (first === undefined || running.has(tenant)) return []
        const ms = usedLately(tenant)
        const yields = first.large || ms > MUCH_MS
        return yields && yielding >= slots - 1 ? [] : [{ tenant, first, yields, ms }]
      })
      .sort((a, b) => a.ms - b.ms || a.first.order - b.first.order)[0]
  }
  const startNext = () => {
    while (running.size < slots) {
      const chosen = next()
      if (chosen === undefined) return
      const { tenant, first, yields } = chosen
      const rest = waiting.get(tenant)?.slice(1) ?? []
      if (rest.length === 0) waiting.delete(tenant)
      else waiting.set(tenant, rest)
      running.set(tenant, yields)
      const since = now()
      void first.start().finally(() => {
        addUse(tenant, now() - since)
        running.delete(tenant)
        startNext()
      })
    }
  }
  return {
    run: (tenant, large, task) =>
      new Promise((resolve, reject) => {
        // Never rejects: what the task throws goes to the caller.
        const start = () => task().then(resolve, reject)
        waiting.set(tenant, [...(waiting.get(tenant) ?? []), { large, order: orders++, start }])
        startNext()
      }),
  }
}
