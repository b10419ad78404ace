/**
 * What to add to a .gitignore so that it has all lines of another one: text to put at its end, empty if nothing is missing.
 * `/build`, `build` and `build/` count as the same. Pure.
 */
export function addedLines(before: string, wanted: string): string {
  const has = new Set(before.split('\n').map(pattern))
  const missing = wanted.split('\n').filter((line) => line !== '' && !has.has(pattern(line)))
  if (missing.length === 0) return ''
  const gap = before === '' || before.endsWith('\n') ? '' : '\n'
  return `${gap}${missing.join('\n')}\n`
}

function pattern(line: string): string {
  return line.trim().replace(/^\//, '').replace(/\/$/, '')
}
