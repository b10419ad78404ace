const QUANTIFIER = /^\{\d+(,\d*)?\}/
/** What may be escaped under the flag `u` outside of classes: the characters of the syntax. */
const SYNTAX = /[\^$\\.*+?()[\]{}|/]/
const PUNCTUATION = /[^\p{L}\p{N}\s]|[_ ]/u

/**
 * Rewrites what means a character only without the flag `u`: an escaped character that needs no escape, such as `\_` or `\@`,
 * and a `{`, `}` or `]` that stands alone. Each keeps its meaning. Everything else stays.
 */
export function withoutNeedlessEscapes(pattern: string): string {
  let rewritten = ''
  let inClass = false
  for (let at = 0; at < pattern.length; at++) {
    const rest = pattern.slice(at, at + 24)
    const piece = rest.startsWith('\\') ? rest.slice(0, 2) : rest.slice(0, 1)
    at += piece.length - 1
    const quantifier = inClass ? undefined : QUANTIFIER.exec(rest)?.[0]
    if (quantifier !== undefined) {
      rewritten += quantifier
      at += quantifier.length - 1
    } else if (piece.length === 2) rewritten += unescaped(piece, inClass)
    else if (!inClass && ['{', '}', ']'].includes(piece)) rewritten += `\\${piece}`
    else {
      if (piece === '[' || (piece === ']' && inClass)) inClass = piece === '['
      rewritten += piece
    }
  }
  return rewritten
}

function unescaped(escape: string, inClass: boolean): string {
  const character = escape.slice(1)
  const isNeeded = SYNTAX.test(character) || (inClass && character === '-')
  return isNeeded || !PUNCTUATION.test(character) ? escape : character
}
