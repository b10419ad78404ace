import { isDeepStrictEqual } from 'node:util'

import type { ChildSpec } from '../desired-processes.ts'

/** What to start and remove to get from the running children to the wanted ones. */
export interface ChildrenDiff {
  /** New children, and new versions of running ones. */
  readonly start: readonly ChildSpec[]
  /** The ids of children that are no longer wanted. */
  readonly remove: readonly string[]
}

/** Compares the running children with the wanted ones. Pure. */
export function diffChildren(running: readonly ChildSpec[], wanted: readonly ChildSpec[]): ChildrenDiff {
  const before = new Map(running.map((spec) => [spec.id, spec]))
  const wantedIds = new Set(wanted.map(({ id }) => id))
  return {
    start: wanted.filter((spec) => !isDeepStrictEqual(spec, before.get(spec.id))),
    remove: running.map(({ id }) => id).filter((id) => !wantedIds.has(id)),
  }
}
