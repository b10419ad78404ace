/** Places for executions: so many at once, or one alone. First come, first served. */
export interface Slots {
  /** Waits for a place, or alone until no other is taken; the caller calls the answer once to give it back. */
  enter(alone: boolean): Promise<() => void>
}

interface Waiting {
  readonly alone: boolean
  readonly start: (leave: () => void) => void
}

/** Makes as many places as `count` says at any time. */
export function createSlots(count: () => number): Slots {
  const queue: Waiting[] = []
  let taken = 0
  let isAlone = false

  const fits = ({ alone }: Waiting) => (alone ? taken === 0 : !isAlone && taken < count())
  const advance = () => {
    for (let next = queue[0]; next !== undefined && fits(next); next = queue[0]) {
      queue.shift()
      taken++
      isAlone = next.alone
      next.start(leaver())
    }
  }
  const leaver = () => {
    let here = true
    return () => {
      if (!here) return
      here = false
      isAlone = false
      taken--
      advance()
    }
  }
  return {
    enter: (alone) =>
      new Promise((start) => {
        queue.push({ alone, start })
        advance()
      }),
  }
}
