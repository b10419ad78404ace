const GAP = 2

/** Lays rows out in columns, two blanks apart; the last column is not padded. Pure. */
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

/** How long ago an RFC 3339 time was, such as 5m; an empty text without a time. `now` is in milliseconds. Pure. */
export function ageOf(time: string | undefined, now: number): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(time ?? '')) / 1_000))
  const [size = 1, letter = 's'] = UNITS.find(([each]) => seconds >= each) ?? []
  return Number.isNaN(seconds) ? '' : `${Math.floor(seconds / size)}${letter}`
}
