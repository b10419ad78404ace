/**
 * Characters that would act on a terminal, or show a line in another order than it has: control characters with the escapes
 * that begin with them, line separators, and the marks of bidirectional text.
 */
const ACTING = String.raw`\p{Cc}\u2028\u2029\p{Bidi_Control}`
const ACTING_RUN = new RegExp(`[${ACTING}]+`, 'gu')
const ACTING_IN_LINES = new RegExp(String.raw`(?![\n\t])[${ACTING}]`, 'gu')
/** The escapes for bold, dim and the colours of Jobico, and their ends. */
const COLOURS = /(\u001b\[(?:1|2|22|3[1-6]|39)m)/

/** Replaces what would act on a terminal by blanks, also line ends and tabs: the text of a module could use them. Pure. */
export function printable(text: string): string {
  return text.replaceAll(ACTING_RUN, ' ').trimEnd()
}

/** Like `printable`, but keeps line ends and tabs and, if the terminal has them, the escapes of Jobico's own colours. Pure. */
export function printableLines(text: string, withColours: boolean): string {
  const lines = text.replaceAll('\r\n', '\n')
  if (!withColours) return lines.replaceAll(ACTING_IN_LINES, ' ')
  const parts = lines.split(COLOURS) // each second part is a colour
  return parts.map((part, index) => (index % 2 === 1 ? part : part.replaceAll(ACTING_IN_LINES, ' '))).join('')
}

/** Escapes in JSON what would act on a terminal; a program reads the same from it. Pure. */
export function printableJson(json: string): string {
  return json.replaceAll(
    ACTING_IN_LINES,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** The local time of day of an RFC 3339 time, as HH:MM:SS. */
export function clock(time: string): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? '--:--:--' : date.toTimeString().slice(0, 8)
}
