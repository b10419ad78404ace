/** Places for executions: so many at once, or one alone. First come, first served. */
export interface Slots {
  /** Waits for a place; the caller calls the answer once to give it back. */
  take(): Promise<() => void>
  /** Waits until no place is taken and keeps all of them. */
  takeAll(): Promise<() => void>
}

/** Makes `count` places. */
export function createSlots(count: number): Slots {
  const queue: { readonly places: number; readonly start: (release: () => void) => void }[] = []
  let free = count

  const advance = () => {
    for (let next = queue[0]; next !== undefined && next.places <= free; next = queue[0]) {
      queue.shift()
      free -= next.places
      next.start(releaser(next.places))
    }
  }
  const releaser = (places: number) => {
    let held = true
    return () => {
      if (held) free += places
      held = false
      advance()
    }
  }
  const wait = (places: number) =>
    new Promise<() => void>((start) => {
      queue.push({ places, start })
      advance()
    })
  return { take: () => wait(1), takeAll: () => wait(count) }
}
