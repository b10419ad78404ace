import { MAX_JSON_DEPTH } from './json.ts'

/** What is wrong with a text as JSON. */
export interface JsonFault {
  /** Whether it is JSON by its grammar, as far as it was read, and only ambiguous or nested too deep. */
  readonly isJson: boolean
  readonly message: string
}

/** What may come next. */
type Next = 'value' | 'value or ]' | 'key' | 'key or }' | 'colon' | 'comma or end'

interface Scan {
  readonly text: string
  at: number
  next: Next
  /** What is open: the keys of an object so far, undefined for an array. */
  readonly open: (Set<string> | undefined)[]
  twice: string | undefined
}

const BLANKS = ' \t\n\r'
const ESCAPED = '"\\/bfnrt'
const LITERALS = ['true', 'false', 'null'] as const

/**
 * Checks a JSON text by the rules of parseJson; undefined if that would take it. It builds no values, so that a text from
 * which a parser would make millions of objects takes no more memory than its keys. Pure.
 */
export function findJsonFault(text: string): JsonFault | undefined {
  const scan: Scan = { text, at: afterBlanks(text, 0), next: 'value', open: [], twice: undefined }
  while (!isOver(scan)) {
    const end = STEPS[scan.next](scan, text.charAt(scan.at))
    if (end === -1) return notJson(scan)
    if (scan.open.length > MAX_JSON_DEPTH)
      return { isJson: true, message: `the JSON is nested deeper than ${MAX_JSON_DEPTH} levels` }
    scan.at = afterBlanks(text, end)
  }
  if (scan.at < text.length) return notJson(scan)
  if (scan.twice === undefined) return undefined
  const key = JSON.stringify(scan.twice.slice(0, 100))
  return { isJson: true, message: `the JSON has the key ${key} twice in one object` }
}

function isOver({ next, open }: Scan): boolean {
  return next === 'comma or end' && open.length === 0
}

/** For what may come next, how it is read at a character: gives the index after it, or -1 if it is not there. */
const STEPS: Readonly<Record<Next, (scan: Scan, char: string) => number>> = {
  value: readValue,
  'value or ]': (scan, char) => (char === ']' ? close(scan) : readValue(scan, char)),
  key: readKey,
  'key or }': (scan, char) => (char === '}' ? close(scan) : readKey(scan, char)),
  colon: (scan, char) => (char === ':' ? follow(scan, 'value') : -1),
  'comma or end'(scan, char) {
    const isObject = scan.open.at(-1) !== undefined
    if (char === ',') return follow(scan, isObject ? 'key' : 'value')
    return char === (isObject ? '}' : ']') ? close(scan) : -1
  },
}

function follow(scan: Scan, next: Next): number {
  scan.next = next
  return scan.at + 1
}

function close(scan: Scan): number {
  scan.open.pop()
  return follow(scan, 'comma or end')
}

function readValue(scan: Scan, char: string): number {
  if (char === '[' || char === '{') {
    scan.open.push(char === '{' ? new Set() : undefined)
    return follow(scan, char === '{' ? 'key or }' : 'value or ]')
  }
  scan.next = 'comma or end'
  return scalarEnd(scan.text, scan.at)
}

function readKey(scan: Scan, char: string): number {
  const end = char === '"' ? stringEnd(scan.text, scan.at) : -1
  if (end === -1) return -1
  const quoted = scan.text.slice(scan.at, end)
  const key = quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1)
  const keys = scan.open.at(-1)
  if (keys?.has(key) === true) scan.twice ??= key
  keys?.add(key)
  scan.next = 'colon'
  return end
}

/** The index of the next character that is no blank. */
function afterBlanks(text: string, start: number): number {
  let at = start
  while (at < text.length && BLANKS.includes(text.charAt(at))) at++
  return at
}

function notJson({ text, at }: Scan): JsonFault {
  const what = at < text.length ? `${JSON.stringify(text.charAt(at))} at character ${at + 1}` : 'end'
  return { isJson: false, message: `not JSON: unexpected ${what}` }
}

/** The index after a string, number or literal; -1 if there is none. */
function scalarEnd(text: string, at: number): number {
  if (text.charAt(at) === '"') return stringEnd(text, at)
  const literal = LITERALS.find((each) => text.startsWith(each, at))
  return literal === undefined ? numberEnd(text, at) : at + literal.length
}

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x22) return at + 1
    if (code === 0x5c) at = escapeEnd(text, at)
    if (at === -1 || code < 0x20) return -1
  }
  return -1
}

/** The index of the last character of an escape that begins at `start`; -1 if it is none. */
function escapeEnd(text: string, start: number): number {
  const kind = text.charAt(start + 1)
  if (kind === 'u') return /^[0-9A-Fa-f]{4}$/.test(text.slice(start + 2, start + 6)) ? start + 5 : -1
  return kind !== '' && ESCAPED.includes(kind) ? start + 1 : -1
}

function numberEnd(text: string, start: number): number {
  const first = text.charAt(start) === '-' ? start + 1 : start
  const whole = digitsEnd(text, first)
  if (whole === first || (text.charAt(first) === '0' && whole > first + 1)) return -1
  const fraction = text.charAt(whole) === '.' ? digitsEnd(text, whole + 1) : whole
  if (fraction === whole + 1) return -1
  return text.charAt(fraction).toLowerCase() === 'e' ? exponentEnd(text, fraction + 1) : fraction
}

function exponentEnd(text: string, start: number): number {
  const first = /[+-]/.test(text.charAt(start)) ? start + 1 : start
  const end = digitsEnd(text, first)
  return end === first ? -1 : end
}

function digitsEnd(text: string, start: number): number {
  let at = start
  for (let code = text.charCodeAt(at); code >= 0x30 && code <= 0x39; code = text.charCodeAt(at)) at++
  return at
}
