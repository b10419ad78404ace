/** The longest that a request may ask to wait, in seconds. */
export const MAX_WAIT = 60

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const WORD = String.raw`${TOKEN}|"(?:[^"\\]|\\.)*"`
/** One `name [= value]` with what ends it: `;` before a parameter, `,` before the next preference. RFC 7240, section 2. */
const PART = new RegExp(String.raw`[ \t]*(?:(${TOKEN})[ \t]*(?:=[ \t]*(${WORD})[ \t]*)?)?([,;]|$)`, 'y')
const SECONDS = /^\d{1,2}$/

/**
 * The seconds of the preference `wait` (RFC 7240) in the values of a request's Prefer headers; undefined if there is none. A
 * value that is malformed, or is no whole number up to MAX_WAIT, is ignored, as the RFC says.
 */
export function waitSeconds(values: readonly string[]): number | undefined {
  const value = values.length === 0 ? undefined : preferences(values.join(','))?.get('wait')
  if (value === undefined || !SECONDS.test(value)) return undefined
  const seconds = Number(value)
  return seconds <= MAX_WAIT ? seconds : undefined
}

/** The value of each preference, the first one if a name comes twice; undefined if the header is malformed. */
function preferences(header: string): ReadonlyMap<string, string> | undefined {
  const found = new Map<string, string>()
  let isParameter = false
  PART.lastIndex = 0
  for (let at = 0; at < header.length; at = PART.lastIndex) {
    const match = PART.exec(header)
    if (match === null) return undefined
    const [, name = '', value = '', end] = match
    const key = name.toLowerCase()
    if (!isParameter && !found.has(key)) found.set(key, value)
    isParameter = end === ';'
  }
  return found
}
