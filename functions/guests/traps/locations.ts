import { capShift } from '../check/memory-limit.ts'
import { guestFrames, type Frame } from './frames.ts'
import { functionName, type FunctionName } from './function-names.ts'
import { isLibrarySource, sourceMapOf, sourcePlaces, type SourceMap, type SourcePlace } from './source-map.ts'

/** Where a guest trapped. */
export interface TrapLocations {
  /** Such as ` in price (assembly/order.ts:14:9), called by handle (assembly/order.ts:30:10)`; empty if nothing is known. */
  readonly text: string
  /** Whether it was in an allocator. */
  readonly allocates: boolean
}

interface Call {
  readonly index: number
  readonly name: FunctionName
  /** The location in the source or in the module, as text. */
  readonly at: string | undefined
  readonly library: boolean
  /** Whether it has called itself. */
  readonly recurs?: boolean
}

const CALLS_SHOWN = 3

// Cached, since a worker thread has one module and may see many traps of it.
const maps = new WeakMap<WebAssembly.Module, SourceMap | false>()

/**
 * Where a guest was when it threw: the functions of its author, innermost first. Their locations are in the source if the
 * module has a source map, else offsets in the module's file. `known` says that the reason has the innermost location
 * already. Never throws.
 */
export function trapLocations(thrown: unknown, module: WebAssembly.Module, known = false): TrapLocations {
  const calls = callsOf(guestFrames(thrown), module)
  const first = calls.findIndex(({ library }) => !library)
  const allocates = calls[0]?.name.allocates ?? false
  if (first === -1)
    return {
      text: calls
        .slice(0, 1)
        .map((call) => ` in ${callText(call)}`)
        .join(''),
      allocates,
    }
  const through = first === 0 ? '' : ` through ${calls[first - 1]?.name.shown ?? ''}`
  const [innermost, ...callers] = merged(calls.slice(first).filter(({ library }) => !library))
    .slice(0, CALLS_SHOWN)
    .map((call, index) => callText(known && index === 0 ? { ...call, at: undefined } : call))
  const text = [` in ${innermost ?? ''}${through}`, ...callers].join(', called by ')
  return { text, allocates }
}

function callsOf(frames: readonly Frame[], module: WebAssembly.Module): Call[] {
  const shift = capShift(module)
  const original = frames.map((frame) => ({
    ...frame,
    offset: frame.offset - shift,
    functionStart: frame.functionStart - shift,
  }))
  const map = cachedMap(module)
  const places = map ? sourcePlaces(map, original) : []
  return original.map((frame, index) => {
    const name = functionName(frame.name, frame.index)
    const place = places[index]
    // If the compiler has inlined a function of the author into it, the call counts as the author's.
    const library = name.library && !(place?.column !== undefined && !isLibrarySource(place.file))
    return { index: frame.index, name, library, at: locationText(place, frame.offset, map !== undefined) }
  })
}

function cachedMap(module: WebAssembly.Module): SourceMap | undefined {
  const map = maps.get(module) ?? sourceMapOf(module) ?? false
  maps.set(module, map)
  return map === false ? undefined : map
}

function locationText(place: SourcePlace | undefined, offset: number, hasMap: boolean): string | undefined {
  if (!place) return hasMap ? undefined : `at 0x${offset.toString(16)}`
  const { file, line, column } = place
  return column === undefined ? `(near ${file}:${line})` : `(${file}:${line}:${column})`
}

/** Merges recursive calls into one, at the first location that is known: at a stack overflow the innermost call has none. */
function merged(calls: readonly Call[]): Call[] {
  const result: Call[] = []
  for (const call of calls) {
    const last = result[result.length - 1]
    if (last?.index === call.index) result.splice(-1, 1, { ...last, at: last.at ?? call.at, recurs: true })
    else result.push(call)
  }
  return result
}

function callText({ name, at, recurs }: Call): string {
  return `${name.shown}${at === undefined ? '' : ` ${at}`}${recurs ? ', which calls itself' : ''}`
}
