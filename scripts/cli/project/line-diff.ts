/** Compares two texts by line: `-` marks lines only of the first, `+` lines only of the second. Pure. */
export function diffLines(before: readonly string[], after: readonly string[]): string[] {
  const common = commonLengths(before, after)
  const lines: string[] = []
  let i = 0
  let j = 0
  while (i < before.length && j < after.length) {
    if (before[i] === after[j]) {
      lines.push(`  ${before[i++] ?? ''}`)
      j++
    } else if (dropsFirst(common, i, j)) lines.push(`- ${before[i++] ?? ''}`)
    else lines.push(`+ ${after[j++] ?? ''}`)
  }
  const rest = [...before.slice(i).map((line) => `- ${line}`), ...after.slice(j).map((line) => `+ ${line}`)]
  return [...lines, ...rest]
}

/** Whether dropping a line of the first text keeps at least as many common lines as dropping one of the second. */
function dropsFirst(common: readonly (readonly number[])[], i: number, j: number): boolean {
  return (common[i + 1]?.[j] ?? 0) >= (common[i]?.[j + 1] ?? 0)
}

/** The lengths of the longest common subsequences: `[i][j]` is that of the lines from `i` and the lines from `j` on. */
function commonLengths(before: readonly string[], after: readonly string[]): number[][] {
  const lengths = Array.from({ length: before.length + 1 }, () => new Array<number>(after.length + 1).fill(0))
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const row = lengths[i] ?? []
      const below = lengths[i + 1] ?? []
      row[j] = before[i] === after[j] ? (below[j + 1] ?? 0) + 1 : Math.max(below[j] ?? 0, row[j + 1] ?? 0)
    }
  }
  return lengths
}
