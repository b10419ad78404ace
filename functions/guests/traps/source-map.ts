import { cursorOver } from '../check/bytes.ts'
import { readMappings } from './mappings.ts'
import { printableName } from '../check/printable-name.ts'

/** The name of the custom section with the URL of a module's source map. */
export const SOURCE_MAP_SECTION = 'sourceMappingURL'
/** The maximum length of a source map's URL that is read, in bytes. */
export const SOURCE_MAP_BYTES = 1024 * 1024

/** The parts of a source map that are used here. */
export interface SourceMap {
  readonly sources: readonly string[]
  readonly mappings: string
}

/** A place in a source, counted from 1. Without a column it is near the place: the same line or an earlier one. */
export interface SourcePlace {
  readonly file: string
  readonly line: number
  readonly column?: number
}

/** A place in a module, and the start of its function; both in bytes from the start of the module. */
export interface CodePlace {
  readonly offset: number
  readonly functionStart: number
}

interface Mapping {
  readonly offset: number
  readonly source: number
  readonly line: number
  readonly column: number
}

/** Whether a source belongs to the library of AssemblyScript, the SDK or a package, not to the module itself. */
export function isLibrarySource(source: string): boolean {
  return source.includes('~lib/')
}

/**
 * The source map that is embedded in a module as a `data:` URL. Undefined if there is none, if it is elsewhere (nothing is
 * ever fetched), longer than SOURCE_MAP_BYTES, or malformed.
 */
export function sourceMapOf(module: WebAssembly.Module): SourceMap | undefined {
  const [section] = WebAssembly.Module.customSections(module, SOURCE_MAP_SECTION)
  if (!section || section.byteLength > SOURCE_MAP_BYTES) return undefined
  try {
    const bytes = new Uint8Array(section)
    const json = dataOf(cursorOver(bytes, 0, bytes.length).name('the URL of the source map'))
    return json === undefined ? undefined : readMap(JSON.parse(json))
  } catch {
    return undefined
  }
}

/** Finds each place in the sources; undefined for a place that the map does not have. Takes linear time. Never throws. */
export function sourcePlaces(
  map: SourceMap,
  places: readonly CodePlace[],
): readonly (SourcePlace | undefined)[] {
  try {
    return readPlaces(map, places)
  } catch {
    return []
  }
}

function readPlaces({ sources, mappings }: SourceMap, places: readonly CodePlace[]) {
  const own = sources.map((source) => !isLibrarySource(source))
  const found: (SourcePlace | undefined)[] = places.map(() => undefined)
  const ascending = Array.from(places.entries()).sort(([, a], [, b]) => a.offset - b.offset)
  let last: Mapping = { offset: -1, source: -1, line: 0, column: 0 }
  let lastOwn = last
  let done = 0
  const passTo = (offset: number) => {
    for (let next = ascending[done]; next && next[1].offset < offset; next = ascending[done]) {
      // Inlined code of the library has no line in the function's own source, so the nearest own line before it is used.
      const near = last !== lastOwn && lastOwn.offset >= next[1].functionStart
      found[next[0]] = placeAt(sources, near ? lastOwn : last, near)
      done += 1
    }
  }
  readMappings(mappings, (offset, source, line, column) => {
    passTo(offset)
    last = { offset, source, line, column }
    if (own[source] === true) lastOwn = last
    return done === ascending.length
  })
  passTo(Infinity)
  return found
}

function placeAt(
  sources: readonly string[],
  { source, line, column }: Mapping,
  near: boolean,
): SourcePlace | undefined {
  const file = sources[source]
  if (file === undefined) return undefined
  return { file: printableName(file), line: line + 1, ...(near ? {} : { column: column + 1 }) }
}

function dataOf(url: string): string | undefined {
  const parts = /^data:application\/json(?:;charset=utf-?8)?(;base64)?,/i.exec(url)
  if (!parts) return undefined
  const data = url.slice(parts[0].length)
  return parts[1] === undefined ? decodeURIComponent(data) : Buffer.from(data, 'base64').toString('utf8')
}

// Ignores `sourceRoot`: with what compilers put into it, the paths would mean nothing to a user.
function readMap(map: unknown): SourceMap | undefined {
  if (typeof map !== 'object' || map === null) return undefined
  const { version, sources, mappings } = map as Record<string, unknown>
  if (version !== 3 || !Array.isArray(sources) || typeof mappings !== 'string') return undefined
  return { sources: sources.map((source) => (typeof source === 'string' ? source : '?')), mappings }
}
