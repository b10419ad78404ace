import { isDeepStrictEqual } from 'node:util'

import type { ChildSpec } from '../desired.ts'

/** What has to be done to get from some children to others. */
export interface ChildrenDiff {
  /** New ones, and new versions of those that run. */
  readonly start: readonly ChildSpec[]
  /** The ids of those that nobody wants any more. */
  readonly remove: readonly string[]
}

/** Compares the children that run with the wanted ones. Pure. */
export function diffChildren(running: readonly ChildSpec[], wanted: readonly ChildSpec[]): ChildrenDiff {
  const before = new Map(running.map((spec) => [spec.id, spec]))
  const wantedIds = new Set(wanted.map(({ id }) => id))
  return {
    start: wanted.filter((spec) => !isDeepStrictEqual(spec, before.get(spec.id))),
    remove: running.map(({ id }) => id).filter((id) => !wantedIds.has(id)),
  }
}
