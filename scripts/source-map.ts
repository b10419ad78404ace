import { sized, withCustomSection } from '../functions/guests/traps/custom-section.ts'
import { readMappings, writeMappings } from '../functions/guests/traps/mappings.ts'
import {
  SOURCE_MAP_BYTES,
  SOURCE_MAP_SECTION,
  isLibrarySource,
  type SourceMap,
} from '../functions/guests/traps/source-map.ts'

/**
 * A module that contains its source map, since a runner in a cluster has only the module. The map keeps only the lines of
 * the author's own sources; it is left out when it is longer than runners read. `map` is the JSON that the compiler wrote.
 * Pure: the same module and map give the same bytes.
 */
export function withSourceMap(module: Uint8Array, map: string): Uint8Array<ArrayBuffer> {
  const own = JSON.stringify({ version: 3, names: [], ...ownPart(JSON.parse(map) as SourceMap) })
  const url = sized(Buffer.from(`data:application/json;base64,${Buffer.from(own).toString('base64')}`))
  return withCustomSection(module, SOURCE_MAP_SECTION, url.length > SOURCE_MAP_BYTES ? undefined : url)
}

/** Code of a library gets a mapping to nowhere, so that it is not taken for the source before it. */
function ownPart({ sources, mappings }: SourceMap): SourceMap {
  const own = sources.filter((source) => !isLibrarySource(source))
  const numbers = sources.map((source) => own.indexOf(source))
  const segments: number[][] = []
  let before = ''
  readMappings(mappings, (offset, source, line, column) => {
    const number = numbers[source] ?? -1
    const place = number === -1 ? [] : [number, line, column]
    if (place.join() !== before) segments.push([offset, ...place])
    before = place.join()
    return false
  })
  return { sources: own, mappings: writeMappings(segments) }
}
