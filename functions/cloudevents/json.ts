import { JobicoError, messageOf } from '../process/errors.ts'
import { isRounded, parseExactly } from './exact-number.ts'

/** The deepest nesting of objects and arrays that a JSON text may have. */
export const MAX_JSON_DEPTH = 128

const QUOTE = 0x22
const COMMA = 0x2c
const PLUS = 0x2b
const MINUS = 0x2d
const POINT = 0x2e
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const LETTER_E = 0x65
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

const DEPTH_STEP: Readonly<Record<number, number>> = {
  [OPEN_OBJECT]: 1,
  [OPEN_ARRAY]: 1,
  [CLOSE_OBJECT]: -1,
  [CLOSE_ARRAY]: -1,
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Decodes UTF-8 as RFC 8259 demands, without a byte order mark. Throws BODY_INVALID. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw new JobicoError('BODY_INVALID', 'the JSON is not valid UTF-8', { cause })
  }
}

/**
 * Parses JSON, and refuses what two parsers may read differently: a key twice in one object, at any depth, and nesting
 * beyond MAX_JSON_DEPTH. A number that a double would round becomes an ExactNumber. Throws BODY_INVALID.
 */
export function parseJson(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new JobicoError('BODY_INVALID', `not JSON: ${messageOf(cause)}`, { cause })
  }
  return scanUnambiguous(text).hasRounded ? parseExactly(text) : value
}

/** The members of a JSON object by key, each value as the text that was sent. `text` must be a valid JSON object. */
export function memberTexts(text: string): ReadonlyMap<string, string> {
  const members = new Map<string, string>()
  for (const span of topLevelSpans(text)) {
    const keyEnd = stringEnd(text, skipBlanks(text, span.start))
    const key: unknown = JSON.parse(text.slice(span.start, keyEnd))
    const value = text.slice(text.indexOf(':', keyEnd) + 1, span.end)
    members.set(String(key), value.trim())
  }
  return members
}

/** The elements of a JSON array, each as the text that was sent. `text` must be a valid JSON array. */
export function elementTexts(text: string): readonly string[] {
  return topLevelSpans(text).map(({ start, end }) => text.slice(start, end).trim())
}

interface Span {
  readonly start: number
  readonly end: number
}

function topLevelSpans(text: string): Span[] {
  const open = skipBlanks(text, 0)
  const spans: Span[] = []
  let start = open + 1
  let depth = 0
  for (let at = open; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = stringEnd(text, at) - 1
    depth += DEPTH_STEP[code] ?? 0
    if (depth === 0 || (depth === 1 && code === COMMA)) {
      spans.push({ start, end: at })
      start = at + 1
    }
    if (depth === 0) break
  }
  return isEmptyContainer(text, spans) ? [] : spans
}

function isEmptyContainer(text: string, spans: readonly Span[]): boolean {
  return spans.length === 1 && spans.every(({ start, end }) => text.slice(start, end).trim() === '')
}

/** The scan of one text. `open` holds the keys of each object that is open, and undefined for an open array. */
interface Scan {
  readonly text: string
  readonly open: (Set<string> | undefined)[]
  keyIsNext: boolean
  /** Whether a double would round one of its numbers. */
  hasRounded: boolean
}

function scanUnambiguous(text: string): Scan {
  const scan: Scan = { text, open: [], keyIsNext: false, hasRounded: false }
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = scanString(scan, at)
    else if (code === MINUS || isDigit(code)) at = scanNumber(scan, at)
    else scanStructure(scan, code)
  }
  return scan
}

function scanStructure(scan: Scan, code: number): void {
  if (code === OPEN_OBJECT || code === OPEN_ARRAY) enter(scan, code)
  else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) scan.open.pop()
  else if (code === COMMA) scan.keyIsNext = scan.open.at(-1) !== undefined
}

function isDigit(code: number): boolean {
  return code >= DIGIT_0 && code <= DIGIT_9
}

/** A number of at most so many characters, without an exponent, is never rounded. */
const SHORT_NUMBER = 15

/** Skips a number. Gives the index of its last character. */
function scanNumber(scan: Scan, at: number): number {
  let end = at + 1
  let hasExponent = false
  for (; isOfNumber(scan.text.charCodeAt(end)); end++) hasExponent ||= isLetterE(scan.text.charCodeAt(end))
  if (hasExponent || end - at > SHORT_NUMBER) scan.hasRounded ||= isRounded(scan.text.slice(at, end))
  return end - 1
}

function isOfNumber(code: number): boolean {
  return isDigit(code) || code === POINT || code === PLUS || code === MINUS || isLetterE(code)
}

/** Whether it is e or E. */
function isLetterE(code: number): boolean {
  return (code | 0x20) === LETTER_E
}

function enter(scan: Scan, code: number): void {
  if (scan.open.length === MAX_JSON_DEPTH) {
    throw new JobicoError('BODY_INVALID', `the JSON is nested deeper than ${MAX_JSON_DEPTH} levels`)
  }
  scan.keyIsNext = code === OPEN_OBJECT
  scan.open.push(scan.keyIsNext ? new Set() : undefined)
}

/** Skips a string and records it if it is a key. Gives the index of its closing quote. */
function scanString(scan: Scan, at: number): number {
  const end = stringEnd(scan.text, at)
  if (!scan.keyIsNext) return end - 1
  scan.keyIsNext = false
  const raw = scan.text.slice(at + 1, end - 1)
  const key = raw.includes('\\') ? String(JSON.parse(`"${raw}"`)) : raw
  const keys = scan.open.at(-1)
  if (keys?.has(key)) {
    throw new JobicoError(
      'BODY_INVALID',
      `the JSON has the key ${JSON.stringify(key.slice(0, 100))} twice in one object`,
    )
  }
  keys?.add(key)
  return end - 1
}

/** The index after the closing quote of the string that opens at `at`. */
function stringEnd(text: string, at: number): number {
  for (let quote = text.indexOf('"', at + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0
    while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return quote + 1
  }
  return text.length
}

function skipBlanks(text: string, at: number): number {
  while (text.charCodeAt(at) <= 0x20) at++
  return at
}
