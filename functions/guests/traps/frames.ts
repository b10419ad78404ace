import type { CodePlace } from './source-map.ts'

/** One frame of the guest's call stack. Offsets are in the compiled module, which has the memory limit in it. */
export interface Frame extends CodePlace {
  /** From the name section of the module, if it has the function. */
  readonly name: string | undefined
  readonly index: number
}

/** The value for Error.stackTraceLimit: large enough to have the guest's own frames after those of libraries. */
export const FRAMES_KEPT = 40

const FUNCTION = /wasm-function\[(\d+)\]:0x[0-9a-f]+\)?$/

/** The guest's frames in the stack of a thrown error, innermost first; empty if they are not known. */
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

// Structured call sites, since the text of a stack can't be parsed safely: a guest chooses the names in it.
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
