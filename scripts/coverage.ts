import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Holds the coverage that the tests measured against a floor, in percent. Processes that tests kill measure nothing. */
const FLOOR = { lines: 90, branches: 90, functions: 90 }

type Measure = keyof typeof FLOOR
type Summary = Readonly<Record<'total', Readonly<Record<Measure, { readonly pct: number }>>>>

const report = join(import.meta.dirname, '..', '.tap', 'report', 'coverage-summary.json')
const { total } = JSON.parse(await readFile(report, 'utf8')) as Summary

for (const [measure, floor] of Object.entries(FLOOR) as [Measure, number][]) {
  const { pct } = total[measure]
  process.stdout.write(`# coverage of ${measure}: ${pct} %, at least ${floor} % are asked for\n`)
  if (pct < floor) process.exitCode = 1
}
