import type { CodePlace } from './source-map.ts'

/** A call of a function of the guest that was going on. Offsets are those of the module as it was compiled. */
export interface Frame extends CodePlace {
  /** From the module's name section. */
  readonly name: string | undefined
  readonly index: number
}

/** How many calls an error should keep, for the guest's own to be among them: a library may be some deep. */
export const FRAMES_KEPT = 40

const FUNCTION = /wasm-function\[(\d+)\]:0x[0-9a-f]+\)?$/

/** The guest's calls that led to what was thrown, innermost first; empty where that is not known. */
export function guestFrames(thrown: unknown): Frame[] {
  return callSites(thrown).flatMap((site) => {
    const index = FUNCTION.exec(textOf(site))?.[1]
    if (index === undefined) return []
    return {
      name: site.getFunctionName() ?? undefined,
      index: Number(index),
      offset: site.getPosition(),
      functionStart: site.getEnclosingColumnNumber() ?? 0,
    }
  })
}

function textOf(site: { toString(): string }): string {
  return site.toString()
}

// The text of a stack can't be told from the names in it, which a guest may choose as it likes.
function callSites(thrown: unknown): NodeJS.CallSite[] {
  if (!(thrown instanceof Error)) return []
  const before = Error.prepareStackTrace
  Error.prepareStackTrace = (_, sites) => sites
  try {
    const stack: unknown = thrown.stack
    return Array.isArray(stack) ? (stack as NodeJS.CallSite[]) : []
  } finally {
    Error.prepareStackTrace = before
  }
}
