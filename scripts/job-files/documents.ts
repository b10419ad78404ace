import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  Scalar,
  type Document,
  type Node,
  type Pair,
  type ScalarTag,
  type YAMLMap,
} from 'yaml'
import { formatPath, type ObjectPath } from '../../crds/structure.ts'
import { messageOf } from '../../functions/process/errors.ts'
import { overBounds, repeatedKey, textOverBounds } from './document-bounds.ts'
import type { JobFileFault } from './fault.ts'

/** A document of a YAML file; it can give the line of a fault. */
export interface FileDocument {
  readonly file: string
  readonly value: unknown
  /** A fault at a path; if the file does not have all of it, at the deepest place that exists. */
  fault(path: ObjectPath, message: string): JobFileFault
  /** Like `fault`, for a line (from 1) of the text at the path. */
  faultInText(path: ObjectPath, textLine: number, message: string): JobFileFault
}

/** Reads the documents of a file. Leaves empty ones out, and returns a fault for each that is not YAML. */
export function readDocuments(
  file: string,
  text: string,
): { documents: FileDocument[]; faults: JobFileFault[] } {
  const tooLarge = textOverBounds(text)
  if (tooLarge !== undefined) return { documents: [], faults: [{ file, message: tooLarge }] }
  const lines = new LineCounter()
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
    customTags: [...boolWords],
    uniqueKeys: false, // compares each key with all before it; repeatedKey does it in time that grows with the file
  })
  const documents: FileDocument[] = []
  const faults: JobFileFault[] = []
  for (const document of Array.isArray(parsed) ? parsed : []) {
    const read = readDocument(file, document, lines)
    if ('message' in read) faults.push(read)
    else if (read.value !== null) documents.push(read)
  }
  return { documents, faults }
}

// kubectl reads YAML 1.1, where these words are booleans. With YAML 1.2 alone, a file could pass here and be refused there.
const boolWords: readonly ScalarTag[] = [
  boolWord(/^(?:yes|Yes|YES|on|On|ON)$/, true),
  boolWord(/^(?:no|No|NO|off|Off|OFF)$/, false),
]

function boolWord(test: RegExp, value: boolean): ScalarTag {
  return { tag: 'tag:yaml.org,2002:bool', default: true, test, resolve: () => new Scalar(value) }
}

function readDocument(file: string, document: Document, lines: LineCounter): FileDocument | JobFileFault {
  const position = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  const [error] = document.errors
  if (error) return { file, ...position(error.pos[0]), message: parseMessage(error.message) }
  const repeated = repeatedKey(document)
  if (repeated !== undefined)
    return {
      file,
      ...position(repeated),
      message: 'this field is there twice; remove one of them',
    }
  const tooMuch = overBounds(document)
  if (tooMuch !== undefined) return { file, ...position(offsetOf(document, [])), message: tooMuch }
  try {
    const value: unknown = document.toJS({ maxAliasCount: -1 }) // overBounds has counted them
    const fault: FileDocument['fault'] = (path, message) => {
      const written = formatPath(path)
      return { file, ...position(offsetOf(document, path)), ...(written && { path: written }), message }
    }
    return {
      file,
      value,
      fault,
      faultInText(path, textLine, message) {
        const found = fault(path, message)
        const starts = blockStart(document, path)
        return starts === undefined ? found : { ...found, line: position(starts).line + textLine, column: 1 }
      },
    }
  } catch (thrown) {
    return {
      file,
      ...position(offsetOf(document, [])),
      message: `can not be read as YAML: ${messageOf(thrown)}`,
    }
  }
}

function parseMessage(message: string): string {
  if (/call stack/.test(message)) return 'is nested too deeply; name a YAML file of a Job'
  return `not YAML: ${message}; correct the line or its indentation`
}

function offsetOf(document: Document, path: ObjectPath): number {
  let node = document.contents as Node | null | undefined
  let offset = node?.range?.[0] ?? 0
  for (const step of path) {
    const [key, child] = descend(document, node, step)
    const place = key ?? child
    if (!place?.range) break
    offset = place.range[0]
    node = child
  }
  return offset
}

/** The offset of the `|` of a literal block, whose lines are those of the text; undefined for other values. */
function blockStart(document: Document, path: ObjectPath): number | undefined {
  let node = document.contents as Node | null | undefined
  for (const step of path) node = descend(document, node, step)[1]
  return isScalar(node) && node.type === Scalar.BLOCK_LITERAL ? node.range?.[0] : undefined
}

function descend(
  document: Document,
  node: Node | null | undefined,
  step: string | number,
): (Node | null | undefined)[] {
  const target = isAlias(node) ? node.resolve(document) : node
  if (isSeq(target)) return [undefined, target.items[Number(step)] as Node | undefined]
  if (!isMap(target)) return []
  const pair = pairsOf(target as YAMLMap<Node, Node | null>).get(String(step))
  return [pair?.key, pair?.value]
}

type PairsByKey = ReadonlyMap<string, Pair<Node, Node | null>>

/** Kept, so that a file with many faults is not searched from its start for each. */
const pairsByMap = new WeakMap<YAMLMap<Node, Node | null>, PairsByKey>()

function pairsOf(map: YAMLMap<Node, Node | null>): PairsByKey {
  const known = pairsByMap.get(map)
  if (known !== undefined) return known
  const pairs = new Map(
    map.items.flatMap((pair) => (isScalar(pair.key) ? [[String(pair.key.value), pair] as const] : [])),
  )
  pairsByMap.set(map, pairs)
  return pairs
}
