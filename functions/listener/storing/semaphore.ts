/** Runs a limited number of tasks at once; the others wait, first come, first served. */
export interface Semaphore {
  /** Runs a task once it may start. If a running task fails, all tasks that wait then fail with the same error. */
  run<T>(task: () => Promise<T>): Promise<T>
}

interface Waiter {
  readonly start: () => void
  readonly fail: (fault: unknown) => void
}

/** Makes a semaphore for `limit` tasks. */
export function createSemaphore(limit: number): Semaphore {
  const waiting: Waiter[] = []
  let running = 0
  return {
    async run(task) {
      if (running === limit) {
        await new Promise<void>((start, fail) => waiting.push({ start, fail }))
      } else {
        running++
      }
      try {
        return await task()
      } catch (fault) {
        // The cause, such as a queue that is gone, would make each of them wait for its own time-out.
        for (const waiter of waiting.splice(0)) waiter.fail(fault)
        throw fault
      } finally {
        const next = waiting.shift()
        if (next === undefined) running--
        else next.start()
      }
    },
  }
}
