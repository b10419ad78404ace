import { svgOf, type LineChart, type Series } from './line-chart.ts'
import type { JobsFigures } from './measure-jobs.ts'
import type { Growth } from './results.ts'

type Of = (figures: JobsFigures) => number

/** Draws what installations at rest cost, and how fast Jobs are made, by the number of Jobs. Pure. */
export function plotOf({ jobs }: Growth): string {
  const [one, three] = [1, 3].map((servers) => jobs.filter((each) => each.servers === servers))
  const xs = [...new Set(jobs.map((each) => each.jobs))].sort((a, b) => a - b)
  const chart = (title: string, lines: readonly (readonly [string, Growth['jobs'] | undefined, Of])[]) => ({
    title,
    xs,
    xName: 'Jobs',
    series: lines.map(([name, figures, of]) => seriesOf(name, figures ?? [], of)).filter(hasPoints),
  })
  const nats =
    (of: 'cpu' | 'memoryMiB'): Of =>
    (figures) =>
      mean(figures.rest.nats.map((each) => each[of]))
  const charts: readonly LineChart[] = [
    {
      ...chart('CPU at rest, % of a core', [
        ['operator', one, ({ rest }) => rest.operator.cpu],
        ['scaler', one, ({ rest }) => rest.scaler.cpu],
        ['NATS, alone', one, nats('cpu')],
        ['NATS, each of three', three, nats('cpu')],
      ]),
    },
    {
      ...chart('Memory at rest, MiB', [
        ['operator', one, ({ rest }) => rest.operator.memoryMiB],
        ['scaler', one, ({ rest }) => rest.scaler.memoryMiB],
        ['NATS, alone', one, nats('memoryMiB')],
        ['NATS, each of three', three, nats('memoryMiB')],
      ]),
    },
    chart('Messages with NATS at rest, a minute', [
      ['operator', one, ({ rest }) => rest.operatorAndNats.messagesAMinute],
      ['scaler', one, ({ rest }) => rest.scalerAndNats.messagesAMinute],
    ]),
    chart('Until one more Job is ready, s', [
      ['one server', one, ({ made }) => made.oneSeconds],
      ['three servers', three, ({ made }) => made.oneSeconds],
    ]),
    {
      ...chart('From the PubAck to the scaler’s word, p99, ms', [
        ['one by one', one, ({ wake }) => wake.oneByOne.p99],
        ['three servers', three, ({ wake }) => wake.oneByOne.p99],
      ]),
      bound: { y: 50, name: 'promised' },
    },
  ]
  return svgOf('What an installation of Jobico costs, by its number of Jobs', charts)
}

function seriesOf(name: string, figures: Growth['jobs'], of: Of): Series {
  return { name, points: figures.map((each) => [each.jobs, of(each)] as const) }
}

function hasPoints({ points }: Series): boolean {
  return points.length > 0
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
