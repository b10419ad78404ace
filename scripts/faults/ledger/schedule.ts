import type { Random } from './random.ts'

/** Something that is done to a system at some time. */
export interface Fault<Kind extends string = string> {
  /** Milliseconds after the start. */
  readonly atMs: number
  readonly kind: Kind
}

/** How long faults go on, and the mean time between two. */
export interface Span {
  readonly lengthMs: number
  readonly everyMs: number
}

/**
 * Faults of the given kinds at irregular times: each kind comes before any comes again, in an order of its own each
 * round, and two are between a half and one and a half of `everyMs` apart. The same numbers give the same schedule.
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

/** A schedule in words, so that a failure can be told and run again. */
export function scheduleWords(faults: readonly Fault[]): string {
  return faults.map(({ atMs, kind }) => `${(atMs / 1_000).toFixed(1)} s ${kind}`).join(', ')
}
