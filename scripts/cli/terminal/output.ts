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

const INDENT = '  '

/** JSON with a line for each member and element; every number keeps its digits. Pure. */
export function prettyJson(text: string): string {
  let indent = ''
  return compactJson(text).replaceAll(/"(?:[^"\\]|\\.)*"|\{\}|\[\]|[{}[\],:]/g, (token) => {
    if (token === ':') return ': '
    if (token === '{' || token === '[') indent += INDENT
    else if (token === '}' || token === ']') indent = indent.slice(INDENT.length)
    else if (token !== ',') return token
    const line = `\n${indent}`
    return token === '}' || token === ']' ? line + token : token + line
  })
}
