/** The output format: text for people, JSON for programs. */
export type Format = 'text' | 'json'

/** Writes a line on standard output. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Removes white space between the tokens of JSON. Works on the text, so that every number keeps its digits. */
export function compactJson(text: string): string {
  return text.replaceAll(/("(?:[^"\\]|\\.)*")|\s+/g, '$1')
}

const INDENT = '  '

/** Writes each member and element of JSON on its own line; every number keeps its digits. Pure. */
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
