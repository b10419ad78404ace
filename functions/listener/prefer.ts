/** The longest that a request may ask to wait, in seconds. */
export const MAX_WAIT = 60

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const WORD = String.raw`(?:${TOKEN}|"(?:[^"\\]|\\.)*")`
/** `token [= word] *( ; [parameter] )`, up to the comma or the end; RFC 7240, section 2. */
const PREFERENCE = new RegExp(
  String.raw`[ \t]*(?:(${TOKEN})(?:[ \t]*=[ \t]*(${WORD}))?(?:[ \t]*;[ \t]*(?:${TOKEN}(?:[ \t]*=[ \t]*${WORD})?)?)*)?[ \t]*(?:,|$)`,
  'y',
)
const SECONDS = /^\d{1,2}$/

/**
 * The seconds of the preference `wait` (RFC 7240) in the values of a request's Prefer headers. Undefined where there is
 * none that can be honoured: as the RFC says, what is malformed or not a whole number up to MAX_WAIT is left aside.
 */
export function waitSeconds(values: readonly string[]): number | undefined {
  const value = values.length === 0 ? undefined : firstPreference(values.join(','), 'wait')
  if (value === undefined || !SECONDS.test(value)) return undefined
  const seconds = Number(value)
  return seconds <= MAX_WAIT ? seconds : undefined
}

/** The value of the first preference of a name, which is the one that counts; undefined when the header is malformed. */
function firstPreference(header: string, wanted: string): string | undefined {
  let found: string | undefined
  PREFERENCE.lastIndex = 0
  for (let at = 0; at < header.length; at = PREFERENCE.lastIndex) {
    const match = PREFERENCE.exec(header)
    if (match === null) return undefined
    const [, name, value = ''] = match
    if (name?.toLowerCase() === wanted) found ??= value
  }
  return found
}
