/** Slots for executions: several at once, or one execution alone. First come, first served. */
export interface ExecutionSlots {
  /** Waits for a slot; with `alone`, until no other is taken. The caller calls the returned function to release it. */
  acquire(alone: boolean): Promise<() => void>
}

interface Waiting {
  readonly alone: boolean
  readonly start: (release: () => void) => void
}

/** Makes slots, of which `count` gives the number at any time. */
export function createExecutionSlots(count: () => number): ExecutionSlots {
  const queue: Waiting[] = []
  let taken = 0
  let isAlone = false

  const fits = ({ alone }: Waiting) => (alone ? taken === 0 : !isAlone && taken < count())
  const advance = () => {
    for (let next = queue[0]; next !== undefined && fits(next); next = queue[0]) {
      queue.shift()
      taken++
      isAlone = next.alone
      next.start(releaser())
    }
  }
  const releaser = () => {
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      isAlone = false
      taken--
      advance()
    }
  }
  return {
    acquire: (alone) =>
      new Promise((start) => {
        queue.push({ alone, start })
        advance()
      }),
  }
}
