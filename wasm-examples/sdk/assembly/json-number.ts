const MAX_EXACT: f64 = 9007199254740992 // 2^53: a float up to here holds every integer
const MAX_DIGITS: i32 = 18 // of an integer that always fits an i64

/** The JSON text of a finite float, which reads back as the same float. */
export function floatText(value: f64): string {
  if (Math.floor(value) == value && Math.abs(value) <= MAX_EXACT) return (<i64>value).toString()
  const text = value.toString()
  return text.endsWith('.0') ? text.substring(0, text.length - 2) : text
}

/** Whether `integerOf` gives exactly what a JSON number says: up to 18 digits, or 2^53 where it has a point or exponent. */
export function isExactInteger(text: string): bool {
  if (isPlain(text)) return true
  const value = parseFloat(text)
  return Math.floor(value) == value && Math.abs(value) <= MAX_EXACT
}

/** The integer that a JSON number says. */
export function integerOf(text: string): i64 {
  return isPlain(text) ? I64.parseInt(text) : <i64>parseFloat(text)
}

function isPlain(text: string): bool {
  const from = text.startsWith('-') ? 1 : 0
  if (text.length - from > MAX_DIGITS) return false
  for (let i = from; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x30 || unit > 0x39) return false
  }
  return true
}
