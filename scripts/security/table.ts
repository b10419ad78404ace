import { aligned } from '../testing/table.ts'

/** What an attack has measured of one bound. */
export interface Measured {
  readonly attack: string
  /** What is promised; empty for a figure that others are compared with. */
  readonly bound: string
  readonly measured: string
  /** Whether a time keeps its bound, which depends on the machine; left out where a test fails when the bound is broken. */
  readonly isMet?: boolean
}

/** The tests of one file, and what they have measured. */
export interface Outcome {
  /** What the file attacks, in a few words. */
  readonly attack: string
  /** What it checks. */
  readonly bound: string
  readonly passed: boolean
  readonly measured: readonly Measured[]
}

/** The table of all files: a line for each, and one for each bound that was measured in it. Pure. */
export function securityTable(outcomes: readonly Outcome[]): string {
  const lines = outcomes.flatMap(({ attack, bound, passed, measured }) => [
    [attack, bound, passed ? 'holds' : 'BROKEN'],
    ...measured.map((each) => [
      `  ${each.attack}`,
      each.bound,
      each.measured + (each.isMet === false ? ', NOT MET' : ''),
    ]),
  ])
  return aligned([['attack', 'bound', 'measured'], ...lines])
}

/** How many files have a broken promise, and how many times do not keep their bound. Pure. */
export function failures(outcomes: readonly Outcome[]): { readonly broken: number; readonly notMet: number } {
  return {
    broken: outcomes.filter(({ passed }) => !passed).length,
    notMet: outcomes.flatMap(({ measured }) => measured).filter(({ isMet }) => isMet === false).length,
  }
}
