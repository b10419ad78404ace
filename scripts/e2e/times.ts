import { appendFileSync, readFileSync } from 'node:fs'

import { aligned } from '../testing/table.ts'

/** One measurement: how long `what` took, in milliseconds. */
export interface Measurement {
  readonly what: string
  readonly ms: number
}

/** Appends a measurement to a file, as a line of JSON. */
export function record(file: string, measurement: Measurement): void {
  appendFileSync(file, `${JSON.stringify(measurement)}\n`)
}

/** The measurements of a file, in the order in which they were added. */
export function readTimes(file: string): Measurement[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Measurement)
}

/** A table with a line for each `what`: how often it was measured, the least, the median and the most in seconds. Pure. */
export function timesTable(measurements: readonly Measurement[]): string {
  const rows = [...Map.groupBy(measurements, ({ what }) => what)].map(([what, all]) => {
    const times = all.map(({ ms }) => ms).sort((a, b) => a - b)
    const median = times[Math.floor((times.length - 1) / 2)] ?? NaN
    return [what, String(times.length), ...[times.at(0), median, times.at(-1)].map(seconds)]
  })
  return aligned([['what', 'times', 'least', 'median', 'most'], ...rows.sort(byFirst)])
}

function byFirst([a = '']: readonly string[], [b = '']: readonly string[]): number {
  return a.localeCompare(b)
}

function seconds(ms = NaN): string {
  return `${(ms / 1_000).toFixed(2)} s`
}
