import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'

/**
 * Fails when the measured coverage is below a floor, in percent. Code in processes that tests kill is not counted, and neither
 * are the benchmarks: a test of their command line loads them all, and runs none.
 */
const FLOOR = { lines: 90, branches: 90, functions: 90 }
const NOT_COUNTED = /^scripts\/bench\//

type Measure = keyof typeof FLOOR
type Counts = Readonly<Record<Measure, { readonly total: number; readonly covered: number }>>

const root = join(import.meta.dirname, '..')
const report = join(root, '.tap', 'report', 'coverage-summary.json')
const summary = JSON.parse(await readFile(report, 'utf8')) as Readonly<Record<string, Counts>>
const counted = Object.entries(summary).filter(
  ([file]) => file !== 'total' && !NOT_COUNTED.test(relative(root, file)),
)

for (const [measure, floor] of Object.entries(FLOOR) as [Measure, number][]) {
  const sum = (what: 'total' | 'covered') =>
    counted.reduce((all, [, counts]) => all + counts[measure][what], 0)
  const percent = Math.floor((sum('covered') / sum('total')) * 10_000) / 100
  process.stdout.write(`# coverage of ${measure}: ${percent} %, at least ${floor} % are asked for\n`)
  if (percent < floor) process.exitCode = 1
}
