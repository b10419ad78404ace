/** Reads one symbol. Each method advances; it throws a SyntaxError when the symbol is malformed. */
interface Symbol {
  /** Skips `text` and gives true, if it comes next. */
  take(text: string): boolean
  /** Reads what a sticky expression matches next; undefined if it does not match. */
  match(expression: RegExp): string | undefined
  /** Reads the next character. */
  next(): string
  /** Calls `read` at an earlier position, then comes back. */
  at<T>(earlier: number, read: () => T): T
}

const MOST_STEPS = 1_000 // back references can make a short symbol a long name
const DISAMBIGUATOR = /s[0-9a-zA-Z]*_/y
const LIFETIME = /L[0-9a-zA-Z]*_/y
const BASE_62 = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
const BASIC_TYPES: Readonly<Record<string, string | undefined>> = {
  ...{
    a: 'i8',
    b: 'bool',
    c: 'char',
    d: 'f64',
    e: 'str',
    f: 'f32',
    h: 'u8',
    i: 'isize',
    j: 'usize',
    l: 'i32',
  },
  ...{
    m: 'u32',
    n: 'i128',
    o: 'u128',
    s: 'i16',
    t: 'u16',
    u: '()',
    v: '…',
    x: 'i64',
    y: 'u64',
    z: '!',
    p: '_',
  },
}

/**
 * Demangles a symbol of Rust's v0 scheme, given without its `_R`, to a path without type arguments, such as
 * `<orders::Cart as orders::Priced>::total`. Undefined if it is malformed or too long.
 */
export function demangleV0(mangled: string): string | undefined {
  try {
    return readPath(symbolOver(mangled))
  } catch {
    return undefined
  }
}

function symbolOver(text: string): Symbol {
  let position = 0
  let steps = 0
  const symbol: Symbol = {
    take(wanted) {
      const found = text.startsWith(wanted, position)
      if (found) position += wanted.length
      return found
    },
    match(expression) {
      expression.lastIndex = position
      const found = expression.exec(text)?.[0]
      position += found?.length ?? 0
      return found
    },
    next() {
      steps += 1
      const character = text[position]
      if (character === undefined || steps > MOST_STEPS) throw new SyntaxError('the symbol is malformed')
      position += 1
      return character
    },
    at(earlier, read) {
      const after = position
      if (earlier >= after) throw new SyntaxError('the symbol refers to what comes later')
      position = earlier
      const result = read()
      position = after
      return result
    },
  }
  return symbol
}

type Read = (symbol: Symbol) => string

const PATHS: Readonly<Record<string, Read>> = {
  C: readIdentifier,
  N: readNested,
  B: (symbol) => symbol.at(readNumber(symbol), () => readPath(symbol)),
  I: readGeneric,
  M(symbol) {
    skipImplementation(symbol)
    return `<${readType(symbol)}>`
  },
  X(symbol) {
    skipImplementation(symbol)
    return readTraitPath(symbol)
  },
  Y: readTraitPath,
}

const TYPES: Readonly<Record<string, Read>> = {
  A: readArray,
  B: (symbol) => symbol.at(readNumber(symbol), () => readType(symbol)),
  D: (symbol) => `dyn ${readTraits(symbol)}`,
  O: (symbol) => `*mut ${readType(symbol)}`,
  P: (symbol) => `*const ${readType(symbol)}`,
  Q: (symbol) => `&mut ${readReferred(symbol)}`,
  R: (symbol) => `&${readReferred(symbol)}`,
  S: (symbol) => `[${readType(symbol)}]`,
  T: readTuple,
}

function readPath(symbol: Symbol): string {
  const tag = symbol.next()
  const read = PATHS[tag]
  if (!read) throw new SyntaxError(`${tag} is no path`)
  return read(symbol)
}

function readGeneric(symbol: Symbol): string {
  const path = readPath(symbol)
  while (!symbol.take('E')) readArgument(symbol)
  return path
}

function skipImplementation(symbol: Symbol): void {
  symbol.match(DISAMBIGUATOR)
  readPath(symbol)
}

function readTraitPath(symbol: Symbol): string {
  return `<${readType(symbol)} as ${readPath(symbol)}>`
}

function readNested(symbol: Symbol): string {
  const namespace = symbol.next()
  const path = readPath(symbol)
  const name = readIdentifier(symbol)
  if (namespace === 'C') return `${path}::{closure}`
  if (/[A-Z]/.test(namespace)) return `${path}::{${name || namespace}}`
  return name === '' ? path : `${path}::${name}`
}

function readIdentifier(symbol: Symbol): string {
  symbol.match(DISAMBIGUATOR)
  const punycode = symbol.take('u')
  const digits = symbol.match(/0|[1-9]\d{0,3}/y)
  if (digits === undefined) throw new SyntaxError('an identifier has no length')
  symbol.take('_')
  const name = Array.from({ length: Number(digits) }, () => symbol.next()).join('')
  return punycode ? `{${name}}` : name
}

function readType(symbol: Symbol): string {
  const tag = symbol.match(/[a-zABDOPQRST]/y)
  if (tag === undefined) return readPath(symbol)
  return BASIC_TYPES[tag] ?? TYPES[tag]?.(symbol) ?? '_'
}

function readReferred(symbol: Symbol): string {
  symbol.match(LIFETIME)
  return readType(symbol)
}

function readArray(symbol: Symbol): string {
  const element = readType(symbol)
  readConstant(symbol)
  return `[${element}; _]`
}

function readTuple(symbol: Symbol): string {
  const parts: string[] = []
  while (!symbol.take('E')) parts.push(readType(symbol))
  return `(${parts.join(', ')})`
}

function readTraits(symbol: Symbol): string {
  symbol.match(/G[0-9a-zA-Z]*_/y)
  const traits: string[] = []
  while (!symbol.take('E')) {
    traits.push(readPath(symbol))
    while (symbol.take('p')) {
      readIdentifier(symbol)
      readType(symbol)
    }
  }
  symbol.match(LIFETIME)
  return traits.join(' + ')
}

function readArgument(symbol: Symbol): void {
  if (symbol.match(LIFETIME) !== undefined) return
  if (symbol.take('K')) readConstant(symbol)
  else readType(symbol)
}

function readConstant(symbol: Symbol): void {
  if (symbol.take('p')) return
  if (symbol.take('B')) symbol.at(readNumber(symbol), () => readConstant(symbol))
  else if (symbol.match(/[a-z]n?[0-9a-f]*_/y) === undefined) throw new SyntaxError('a constant is not read')
}

/** Reads a base-62 number: `_` is 0, `0_` is 1. */
function readNumber(symbol: Symbol): number {
  const digits = symbol.match(/[0-9a-zA-Z]{0,6}_/y) ?? ''
  if (digits === '_') return 0
  return Array.from(digits.slice(0, -1)).reduce((sum, digit) => sum * 62 + BASE_62.indexOf(digit), 0) + 1
}
