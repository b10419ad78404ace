/** What may be escaped under the flag `u` outside of classes: the characters of the syntax. */
const SYNTAX = /[\^$\\.*+?()[\]{}|/]/
const PUNCTUATION = /[^\p{L}\p{N}\s]|[_ ]/u

/** A class, a repeat, an escape with what it needs, or a single character. */
const CLASS_OR_PIECE = /\[(?:\\.|[^\]\\])*\]|\{\d+(?:,\d*)?\}|\\[pPu]\{[^}]*\}|\\k<[^>]*>|\\.|./gsu

/**
 * Rewrites what means a character only without the flag `u`: an escaped character that needs no escape, such as `\_` or `\@`,
 * and a `{`, `}` or `]` that stands alone. Each keeps its meaning. Everything else stays.
 */
export function withoutNeedlessEscapes(pattern: string): string {
  return pattern.replace(CLASS_OR_PIECE, (piece) =>
    piece.startsWith('[') && piece.length > 1
      ? piece.replace(/\\./gsu, (escape) => unescaped(escape, true))
      : rewrittenPiece(piece),
  )
}

function rewrittenPiece(piece: string): string {
  if (/^[{}\]]$/.test(piece)) return `\\${piece}`
  return piece.startsWith('\\') ? unescaped(piece, false) : piece
}

function unescaped(escape: string, inClass: boolean): string {
  const character = escape.slice(1)
  const isNeeded = SYNTAX.test(character) || (inClass && character === '-')
  return isNeeded || !PUNCTUATION.test(character) ? escape : character
}
