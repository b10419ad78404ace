/** Replaces control characters by blanks, because a module's text could use them to rewrite the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ').trimEnd()
}

/** The local time of day of an RFC 3339 time, as HH:MM:SS. */
export function clock(time: string): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? '--:--:--' : date.toTimeString().slice(0, 8)
}
