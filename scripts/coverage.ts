import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Fails when the measured coverage is below a floor, in percent. Code in processes that tests kill is not counted. */
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
