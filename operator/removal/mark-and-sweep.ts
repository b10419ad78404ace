/** A copy of a schema or of a module, and since when nothing has referred to it (RFC 3339), if it is marked. */
export interface Copy {
  readonly name: string
  readonly unusedSince: string | undefined
}

/** The names of the copies to mark, to unmark and to remove. */
export interface MarkAndSweep {
  /** Nothing refers to them any more; to be marked as unused since now. */
  readonly mark: readonly string[]
  /** Something refers to them again. */
  readonly unmark: readonly string[]
  /** Nothing has referred to them for a day. */
  readonly remove: readonly string[]
}

const DAY_MS = 86_400_000

/** Decides which copies are marked, unmarked and removed. Pure. */
export function markAndSweep(copies: readonly Copy[], used: ReadonlySet<string>, now: Date): MarkAndSweep {
  const names = (which: (copy: Copy) => boolean) => copies.filter(which).map(({ name }) => name)
  return {
    mark: names(({ name, unusedSince }) => !used.has(name) && unusedSince === undefined),
    unmark: names(({ name, unusedSince }) => used.has(name) && unusedSince !== undefined),
    remove: names(({ name, unusedSince }) => !used.has(name) && isOld(unusedSince, now)),
  }
}

function isOld(unusedSince: string | undefined, now: Date): boolean {
  return unusedSince !== undefined && now.getTime() - Date.parse(unusedSince) >= DAY_MS
}
