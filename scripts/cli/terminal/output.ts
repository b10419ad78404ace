import { once } from 'node:events'

import pc from 'picocolors'

import { printableJson, printableLines } from '../../dev/output/printable.ts'

/** The output format: text for people, JSON for programs. */
export type Format = 'text' | 'json'

/**
 * Writes lines on standard output. Whatever comes from servers, modules or files may be in them: it can not act on a terminal.
 * In JSON it is escaped, so that a program reads the same.
 */
export function print(text: string, format: Format = 'text'): void {
  process.stdout.write(
    `${format === 'json' ? printableJson(text) : printableLines(text, pc.isColorSupported)}\n`,
  )
}

/** Writes lines for people on standard error, as safely as `print`. */
export function tell(text: string): void {
  process.stderr.write(`${printableLines(text, pc.isColorSupported)}\n`)
}

/** Writes bytes on standard output as they are; on a terminal, without what would act on it. */
export async function writeBytes(bytes: Uint8Array): Promise<void> {
  const written = process.stdout.isTTY ? printableLines(new TextDecoder().decode(bytes), false) : bytes
  if (!process.stdout.write(written)) await once(process.stdout, 'drain')
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
