/** A task that never runs twice at the same time. */
export interface Coalesced {
  /** Runs the task. If it is running, it runs once more afterwards, however often this is called meanwhile. */
  ask(): void
  /** Ignores later calls, and resolves when the task has ended. */
  close(): Promise<void>
}

/** Wraps a task so that its runs never overlap. The task must not reject. */
export function coalesce(task: () => Promise<void>): Coalesced {
  const state = { asked: false, closed: false, running: Promise.resolve(), isRunning: false }
  const run = async () => {
    state.isRunning = true
    while (state.asked) {
      state.asked = false
      await task()
    }
    state.isRunning = false
  }
  return {
    ask() {
      if (state.closed) return
      state.asked = true
      if (!state.isRunning) state.running = run()
    },
    async close() {
      state.closed = true
      state.asked = false
      await state.running
    },
  }
}
