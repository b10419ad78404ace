/** A copy of a schema or of a module, and since when nothing has pointed to it. */
export interface Copy {
  readonly name: string
  readonly unusedSince: string | undefined
}

/** What to do with copies. */
export interface MarkAndSweep {
  /** Nothing points to them since now. */
  readonly mark: readonly string[]
  /** Something points to them again. */
  readonly unmark: readonly string[]
  /** Nothing has pointed to them for a day. */
  readonly remove: readonly string[]
}

const DAY_MS = 86_400_000

/** Decides which copies go. Pure. */
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
