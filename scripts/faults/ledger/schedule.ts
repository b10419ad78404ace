import type { Random } from './random.ts'

/** A disturbance of a system at some time. */
export interface Fault<Kind extends string = string> {
  /** Milliseconds after the start. */
  readonly atMs: number
  readonly kind: Kind
}

/** How long a schedule lasts, and the mean time between two faults. */
export interface Span {
  readonly lengthMs: number
  readonly everyMs: number
}

/**
 * Faults of the given kinds at irregular times. Each round has every kind once, in random order. Two faults are between 0.5
 * and 1.5 times `everyMs` apart. The same random numbers give the same schedule.
 */
export function scheduleFaults<Kind extends string>(
  random: Random,
  kinds: readonly [Kind, ...Kind[]],
  { lengthMs, everyMs }: Span,
): readonly Fault<Kind>[] {
  const faults: Fault<Kind>[] = []
  let left: Kind[] = []
  for (let atMs = everyMs / 2; ; atMs += everyMs * (0.5 + random.next())) {
    if (atMs >= lengthMs) return faults
    if (left.length === 0) left = [...kinds]
    const [kind = kinds[0]] = left.splice(random.between(0, left.length - 1), 1)
    faults.push({ atMs: Math.round(atMs), kind })
  }
}

/** A schedule in words, to report it with a failure. */
export function scheduleWords(faults: readonly Fault[]): string {
  return faults.map(({ atMs, kind }) => `${(atMs / 1_000).toFixed(1)} s ${kind}`).join(', ')
}
