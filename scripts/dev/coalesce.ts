/** A task that never runs twice at a time. */
export interface Coalesced {
  /** Runs the task; any number of calls while it runs make it run once more afterwards. */
  ask(): void
  /** Takes no more calls, and resolves when nothing runs. */
  close(): Promise<void>
}

/** Makes a task run in turn. The task must not reject. */
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
