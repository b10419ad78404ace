import { capShift } from '../check/memory-limit.ts'
import { guestFrames, type Frame } from './frames.ts'
import { functionName, type FunctionName } from './function-names.ts'
import { isLibrarySource, sourceMapOf, sourcePlaces, type SourceMap, type SourcePlace } from './source-map.ts'

/** Where a guest was. */
export interface TrapLocations {
  /** Such as ` in price (assembly/order.ts:14:9), called by handle (assembly/order.ts:30:10)`; empty where nothing is known. */
  readonly text: string
  /** True where it was in an allocator. */
  readonly allocates: boolean
}

interface Call {
  readonly index: number
  readonly name: FunctionName
  /** Where in the source, or in the module, it was. */
  readonly at: string | undefined
  readonly library: boolean
  /** Where it has called itself. */
  readonly recurs?: boolean
}

const CALLS_SHOWN = 3

// Kept, since a thread has one module, and may see many traps of it.
const maps = new WeakMap<WebAssembly.Module, SourceMap | false>()

/**
 * Where a guest was when it threw: its author's own functions, innermost first, with their places in the source where the
 * module has a source map, else with offsets in the file that it came from. `known` says that the reason has the place of
 * the innermost already. Never throws.
 */
export function trapLocations(thrown: unknown, module: WebAssembly.Module, known = false): TrapLocations {
  const calls = callsOf(guestFrames(thrown), module)
  const first = calls.findIndex(({ library }) => !library)
  const allocates = calls[0]?.name.allocates ?? false
  if (first === -1)
    return {
      text: calls
        .slice(0, 1)
        .map((call) => ` in ${inWords(call)}`)
        .join(''),
      allocates,
    }
  const through = first === 0 ? '' : ` through ${calls[first - 1]?.name.shown ?? ''}`
  const [innermost, ...callers] = merged(calls.slice(first).filter(({ library }) => !library))
    .slice(0, CALLS_SHOWN)
    .map((call, index) => inWords(known && index === 0 ? { ...call, at: undefined } : call))
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
    // What the compiler has put a function of the author's into is the author's there.
    const library = name.library && !(place?.column !== undefined && !isLibrarySource(place.file))
    return { index: frame.index, name, library, at: atWords(place, frame.offset, map !== undefined) }
  })
}

function cachedMap(module: WebAssembly.Module): SourceMap | undefined {
  const map = maps.get(module) ?? sourceMapOf(module) ?? false
  maps.set(module, map)
  return map === false ? undefined : map
}

function atWords(place: SourcePlace | undefined, offset: number, hasMap: boolean): string | undefined {
  if (!place) return hasMap ? undefined : `at 0x${offset.toString(16)}`
  const { file, line, column } = place
  return column === undefined ? `(near ${file}:${line})` : `(${file}:${line}:${column})`
}

/** Calls of a function by itself as one, at the first place that is known: where a stack overflows, the last has none. */
function merged(calls: readonly Call[]): Call[] {
  const result: Call[] = []
  for (const call of calls) {
    const last = result[result.length - 1]
    if (last?.index === call.index) result.splice(-1, 1, { ...last, at: last.at ?? call.at, recurs: true })
    else result.push(call)
  }
  return result
}

function inWords({ name, at, recurs }: Call): string {
  return `${name.shown}${at === undefined ? '' : ` ${at}`}${recurs ? ', which calls itself' : ''}`
}
