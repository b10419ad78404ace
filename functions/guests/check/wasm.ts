import { cursorOver, malformed, type Cursor } from './bytes.ts'

/** The kind of an import or export. */
export type ExternKind = 'function' | 'table' | 'memory' | 'global' | 'tag'

/** An import. `type` is such as `(i32, f64) -> i32` for a function, else the kind. */
export interface WasmImport {
  readonly module: string
  readonly name: string
  readonly kind: ExternKind
  readonly type: string
}

/** An export; `type` as for imports. */
export interface WasmExport {
  readonly name: string
  readonly kind: ExternKind
  readonly type: string
}

/** The limits of a memory, in pages of 64 KiB, or of a table, in entries; `flags` are bits of LIMIT. */
export interface Limits {
  readonly flags: number
  readonly min: number
  /** Infinity if there is no maximum. */
  readonly max: number
}

/** A table that the module declares; `element` is the byte of its element type. */
export interface Table extends Limits {
  readonly element: number
}

/** The byte range of a whole section, including its header. */
export type SectionRange = readonly [start: number, end: number]

/** What Jobico needs to know about a module, without the bodies of its functions. */
export interface WasmModule {
  readonly imports: readonly WasmImport[]
  readonly exports: readonly WasmExport[]
  /** Memories that the module declares; imported ones are in `imports`. */
  readonly memories: readonly Limits[]
  readonly tables: readonly Table[]
  /** The size of the element section, which is at least the number of the entries it fills. */
  readonly elementBytes: number
  /** Whether a start function runs during instantiation. */
  readonly hasStart: boolean
  /** The function types of the type section. */
  readonly types: readonly string[]
  /** The type index of each function, and of each tag below; imported ones first. */
  readonly functions: readonly number[]
  readonly tags: readonly number[]
  /** The byte range of the contents of the code section. */
  readonly code: readonly [start: number, end: number] | undefined
  readonly memorySection: SectionRange | undefined
  readonly tableSection: SectionRange | undefined
}

/** The bits of `flags` in Limits. */
export const LIMIT = { bounded: 0x01, shared: 0x02, wide: 0x04, ownPages: 0x08 } as const

// Limits on what is kept in memory while reading, so that a hostile file needs no more than a few times its size.
const MOST = {
  sections: 10_000,
  typeBytes: 1_048_576,
  types: 100_000,
  functions: 1_000_000,
  entries: 100_000,
  values: 1_000,
}
const SECTION = {
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  tag: 13,
  last: 13,
} as const
const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]
const FUNCTION_FORM = 0x60

const VALUE_TYPES: ReadonlyMap<number, string> = new Map([
  [0x7f, 'i32'],
  [0x7e, 'i64'],
  [0x7d, 'f32'],
  [0x7c, 'f64'],
  [0x7b, 'v128'],
  [0x70, 'funcref'],
  [0x6f, 'externref'],
])
const REFERENCES: ReadonlySet<number> = new Set([0x70, 0x6f])
const KINDS: readonly ExternKind[] = ['function', 'table', 'memory', 'global', 'tag']

interface Section {
  readonly body: Cursor
  readonly start: number
  readonly end: number
}

interface FunctionTypes {
  readonly types: readonly string[]
  readonly functions: readonly number[]
  /** The type of the function with that index; imported functions come first. */
  of(index: number, at: number): string
  /** The type with that index in the type section. */
  typed(index: number, at: number): string
  declare(typeIndex: number): void
}

/** Whether the bytes start like a core WebAssembly module. */
export function isWasm(bytes: Uint8Array): boolean {
  return MAGIC_AND_VERSION.every((byte, at) => bytes[at] === byte)
}

/** Reads all of a module but its code. Pure; any bytes give a result, or MODULE_INVALID with the offset of the fault. */
export function readWasm(bytes: Uint8Array): WasmModule {
  if (!isWasm(bytes)) throw malformed(0, 'it does not start with the WebAssembly magic and version 1')
  const sections = readSections(bytes)
  const functions = functionTypes(sections.get(SECTION.type)?.body)
  const tags: number[] = []
  const imports = entries(sections.get(SECTION.import), 'imports', (body) =>
    readImport(body, functions, tags),
  )
  const declared = sections.get(SECTION.function)?.body
  if (declared) readFunctions(declared, functions)
  const memory = sections.get(SECTION.memory)
  const table = sections.get(SECTION.table)
  const elements = sections.get(SECTION.element)
  const code = sections.get(SECTION.code)?.body
  return {
    types: functions.types,
    functions: functions.functions,
    tags: [...tags, ...entries(sections.get(SECTION.tag), 'tags', readTag)],
    code: code && [code.offset, code.end],
    imports,
    exports: entries(sections.get(SECTION.export), 'exports', (body) => readExport(body, functions)),
    memories: entries(memory, 'memories', readLimits),
    tables: entries(table, 'tables', readTable),
    elementBytes: elements ? elements.end - elements.start : 0,
    hasStart: sections.has(SECTION.start),
    memorySection: memory && [memory.start, memory.end],
    tableSection: table && [table.start, table.end],
  }
}

function readSections(bytes: Uint8Array): Map<number, Section> {
  const sections = new Map<number, Section>()
  const cursor = cursorOver(bytes, MAGIC_AND_VERSION.length, bytes.length)
  for (let read = 0; cursor.offset < cursor.end; read += 1) {
    const start = cursor.offset
    if (read === MOST.sections) throw malformed(start, `it has more than ${MOST.sections} sections`)
    const id = cursor.byte('the id of a section')
    if (id > SECTION.last) throw malformed(start, `there is no section ${id}`)
    if (id !== 0 && sections.has(id)) throw malformed(start, `section ${id} comes twice`)
    const body = cursor.part(cursor.u32('the length of a section'), `section ${id}`)
    if (id !== 0) sections.set(id, { body, start, end: cursor.offset })
  }
  return sections
}

function entries<T>(section: Section | undefined, what: string, read: (body: Cursor) => T): T[] {
  if (!section) return []
  const { body } = section
  const count = body.count(`the number of ${what}`, MOST.entries)
  const list = Array.from({ length: count }, () => read(body))
  if (body.offset !== body.end) throw malformed(body.offset, `bytes are left over after the ${what}`)
  return list
}

function functionTypes(section: Cursor | undefined): FunctionTypes {
  const types: string[] = []
  const functions: number[] = []
  if (section && section.end - section.offset > MOST.typeBytes) {
    throw malformed(section.offset, `its types take more than ${MOST.typeBytes} bytes`)
  }
  const total = section?.count('the number of types', MOST.types) ?? 0
  for (let read = 0; section && read < total; read += 1) types.push(readFunctionType(section))
  const typed = (index: number, at: number) => {
    const type = types[index]
    if (type === undefined) throw malformed(at, `there is no type ${index}`)
    return type
  }
  return {
    types,
    functions,
    typed,
    declare: (typeIndex) => void functions.push(typeIndex),
    of(index, at) {
      const type = functions[index]
      if (type === undefined) throw malformed(at, `there is no function ${index}`)
      return typed(type, at)
    },
  }
}

function readFunctionType(cursor: Cursor): string {
  const at = cursor.offset
  if (cursor.byte('a type') !== FUNCTION_FORM) {
    throw malformed(at, 'it has a type that is no function: compile it without garbage-collected types')
  }
  const params = readValueTypes(cursor, 'the parameters of a type')
  return `(${params}) -> ${readValueTypes(cursor, 'the results of a type') || 'nothing'}`
}

function readValueTypes(cursor: Cursor, what: string): string {
  const count = cursor.count(what, MOST.values)
  return Array.from({ length: count }, () => readValueType(cursor)).join(', ')
}

function readValueType(cursor: Cursor): string {
  const at = cursor.offset
  const byte = cursor.byte('a value type')
  const type = VALUE_TYPES.get(byte)
  if (type === undefined) throw malformed(at, `the value type 0x${byte.toString(16)} is not supported`)
  return type
}

function readFunctions(cursor: Cursor, functions: FunctionTypes): void {
  const total = cursor.count('the number of functions', MOST.functions)
  for (let read = 0; read < total; read += 1) functions.declare(cursor.u32('the type of a function'))
}

function readImport(cursor: Cursor, functions: FunctionTypes, tags: number[]): WasmImport {
  const module = cursor.name("the module's name of an import")
  const name = cursor.name('the name of an import')
  const kind = readKind(cursor)
  return { module, name, kind, type: readImportType(cursor, kind, functions, tags) }
}

function readImportType(cursor: Cursor, kind: ExternKind, functions: FunctionTypes, tags: number[]): string {
  const at = cursor.offset
  if (kind === 'function') {
    const index = cursor.u32('the type of an import')
    functions.declare(index)
    return functions.typed(index, at)
  }
  if (kind === 'table' || kind === 'global') readValueType(cursor)
  if (kind === 'table' || kind === 'memory') readLimits(cursor)
  else if (kind === 'tag') tags.push(readTag(cursor))
  else cursor.byte('the mutability of a global')
  return kind
}

function readExport(cursor: Cursor, functions: FunctionTypes): WasmExport {
  const name = cursor.name('the name of an export')
  const kind = readKind(cursor)
  const at = cursor.offset
  const index = cursor.u32('the index of an export')
  return { name, kind, type: kind === 'function' ? functions.of(index, at) : kind }
}

function readKind(cursor: Cursor): ExternKind {
  const at = cursor.offset
  const byte = cursor.byte('a kind')
  const kind = KINDS[byte]
  if (kind === undefined) throw malformed(at, `no import or export has the kind 0x${byte.toString(16)}`)
  return kind
}

function readTable(cursor: Cursor): Table {
  const at = cursor.offset
  const element = cursor.byte('the type of a table')
  if (!REFERENCES.has(element))
    throw malformed(at, `the table type 0x${element.toString(16)} is not supported`)
  return { element, ...readLimits(cursor) }
}

function readTag(cursor: Cursor): number {
  cursor.byte('the attribute of a tag')
  return cursor.u32('the type of a tag')
}

function readLimits(cursor: Cursor): Limits {
  const at = cursor.offset
  const flags = cursor.byte('the limits of a memory or table')
  if (flags > 0x0f) throw malformed(at, `limits can't have the flags 0x${flags.toString(16)}`)
  const wide = (flags & LIMIT.wide) !== 0
  const read = (what: string) => (wide ? cursor.u64(what) : cursor.u32(what))
  const min = read('a minimum')
  const max = (flags & LIMIT.bounded) !== 0 ? read('a maximum') : Infinity
  if ((flags & LIMIT.ownPages) !== 0) cursor.u32('the size of a page')
  return { flags, min, max }
}
