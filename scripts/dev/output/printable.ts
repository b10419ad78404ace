/** A text for a terminal: control characters could rewrite it, so what modules and others say is shown without them. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ').trimEnd()
}

/** The time of day of an RFC 3339 time, here. */
export function clock(time: string): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? '--:--:--' : date.toTimeString().slice(0, 8)
}
