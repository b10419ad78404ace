/** Lets a bounded number of tasks run at once; the others wait their turn, first come first served. */
export interface Semaphore {
  /** Runs a task when there is room for it. When a running one fails, all that wait by then fail with it. */
  run<T>(task: () => Promise<T>): Promise<T>
}

interface Waiter {
  readonly begin: () => void
  readonly giveUp: (why: unknown) => void
}

/** Makes a gate for `width` tasks. */
export function createSemaphore(width: number): Semaphore {
  const waiting: Waiter[] = []
  let running = 0
  return {
    async run(task) {
      if (running === width) {
        await new Promise<void>((begin, giveUp) => waiting.push({ begin, giveUp }))
      } else {
        running++
      }
      try {
        return await task()
      } catch (why) {
        // What broke this one, such as a queue that is gone, would make each of them wait for its own time-out.
        for (const turn of waiting.splice(0)) turn.giveUp(why)
        throw why
      } finally {
        const next = waiting.shift()
        if (next === undefined) running--
        else next.begin()
      }
    },
  }
}
