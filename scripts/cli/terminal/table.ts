const GAP = 2

/** Rows as lines with columns of equal width; the last column may be of any width. Pure. */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd((widths[column] ?? 0) + GAP)))
      .join('')
      .trimEnd(),
  )
}

const UNITS: readonly (readonly [seconds: number, letter: string])[] = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'm'],
  [1, 's'],
]

/** How long ago a time of RFC 3339 was, such as 5m; nothing where there is none. Pure. */
export function ageOf(time: string | undefined, now: number): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(time ?? '')) / 1_000))
  const [size = 1, letter = 's'] = UNITS.find(([each]) => seconds >= each) ?? []
  return Number.isNaN(seconds) ? '' : `${Math.floor(seconds / size)}${letter}`
}
