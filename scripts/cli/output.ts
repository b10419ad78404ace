/** How data is printed: for people, or as JSON for programs. */
export type Format = 'text' | 'json'

/** Writes a line on standard output. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** JSON on one line: blanks between its tokens go, and every number keeps its digits. */
export function compactJson(text: string): string {
  return text.replaceAll(/("(?:[^"\\]|\\.)*")|\s+/g, '$1')
}
