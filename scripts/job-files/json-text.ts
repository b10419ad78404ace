import { messageOf } from '../../functions/process/errors.ts'

/** Parses JSON. If it is invalid, returns the message and its line, from 1. */
export function parseJsonText(
  text: string,
): { readonly value: unknown } | { readonly line: number; readonly message: string } {
  const message = jsonFault(text)
  if (message === undefined) return { value: JSON.parse(text) as unknown }
  const [, line] = /line (\d+) column \d+/.exec(message) ?? []
  const written = text.trimEnd()
  return { line: Math.min(Number(line ?? lineOf(text)), linesOf(written)), message }
}

// The engine does not say where an unexpected token is. So find the shortest prefix that it refuses for one: it ends there.
function lineOf(text: string): number {
  let [low, high] = [0, text.length]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (jsonFault(text.slice(0, middle))?.startsWith('Unexpected token')) high = middle
    else low = middle + 1
  }
  return linesOf(text.slice(0, low))
}

function jsonFault(text: string): string | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch (thrown) {
    return messageOf(thrown)
  }
}

function linesOf(text: string): number {
  return text.split('\n').length
}
