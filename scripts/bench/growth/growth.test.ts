import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import t from 'tap'

import { runProgram } from '../../testing/program.ts'
import { svgOf, ticksUpTo } from './line-chart.ts'
import { plotOf } from './plot.ts'
import { merge, NOTHING_MEASURED, tables, type Growth } from './results.ts'
import { countsOf } from './use.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const FIGURES = join(ROOT, 'docs', 'scale.json')

t.test('what is asked is checked before anything is started', async (t) => {
  const bench = (...args: string[]) =>
    runProgram('node', [join(ROOT, 'scripts/bench/bench.ts'), 'growth', ...args])
  t.match(await bench('--help'), { code: 0, stdout: /^npm run bench -- growth \[PART\.\.\.\]/, stderr: '' })
  for (const [args, said] of [
    [['events'], /there is no part events; the parts are jobs, sizes, queue/],
    [['--jobs', '1,x'], /--jobs is "x"; it must be a whole number from 1 to/],
    [['--jobs', ''], /--jobs is ""; it must be a whole number from 1 to/],
    [['--events', '0'], /--events is "0"; it must be a whole number from 1 to/],
    [['--servers', '2'], /--servers is "2", not 1 or 3/],
    [['--job', '1'], /Unknown option '--job'/],
    [['--out', import.meta.filename, 'sizes'], /growth\.test\.ts is not what an earlier run wrote/],
  ] as const)
    t.match(await bench(...args), { code: 1, stdout: '', stderr: said }, args.join(' '))
})

t.test('the counts of an operator, from its metrics', (t) => {
  const metrics = [
    '# HELP jobico_kube_requests_total Requests',
    'jobico_kube_requests_total{verb="get",kind="Lease",status="200"} 7',
    'jobico_kube_requests_total{verb="watch",kind="Job",status="0"} 2',
    'jobico_kube_requests_total{verb="replace",kind="Lease",status="200"} 3',
    'jobico_kube_requests_total{verb="apply",kind="Job",status="200"} 4',
    'jobico_kube_requests_total{verb="create",kind="Event",status="201"} 5',
    'jobico_reconcile_seconds_bucket{le="0.1",ok="true"} 100',
    'jobico_reconcile_seconds_count{ok="true"} 11',
    'jobico_reconcile_seconds_count{ok="false"} 1',
    'jobico_scaler_nats_requests_total 13',
  ].join('\n')
  const expected = { reads: 9, writes: 9, leaseWrites: 3, reconciles: 12, scalerRequests: 13 }
  t.same(countsOf(metrics), expected)
  t.end()
})

const ON = {
  cpu: 'a',
  cores: 2,
  memoryGiB: 1,
  node: 'v24',
  at: '2026-01-01T00:00',
  load: { begin: 0, end: 0 },
}
const SIZE = { bytes: 1_024, acceptedPerSecond: 2_048, runPerSecond: 512, on: ON }

t.test('figures replace those of the same size', (t) => {
  const larger = { ...SIZE, bytes: 65_536 }
  const first = merge(NOTHING_MEASURED, { sizes: [larger] })
  const second = merge(first, { sizes: [SIZE] })
  t.same(second.sizes, [SIZE, larger], 'in order')
  const newer = { ...larger, runPerSecond: 1 }
  t.same(merge(second, { sizes: [newer] }).sizes, [SIZE, newer])
  t.same(merge(second, {}), second)
  t.match(tables(second), /^data of an event +accepted\/s .*\n1 KiB +2048 +2\.0 +512 +0\.5\n64 KiB/)
  t.equal(tables(NOTHING_MEASURED), '')
  t.end()
})

t.test('an axis has round values up to the largest', (t) => {
  for (const [top, expected] of [
    [0, [0, 0.25]],
    [1, [0, 0.25, 0.5, 0.75, 1]],
    [9, [0, 2.5, 5, 7.5, 10]],
    [50, [0, 20, 40, 60]],
    [285, [0, 100, 200, 300]],
    [1_234, [0, 500, 1_000, 1_500]],
  ] as const)
    t.same(ticksUpTo(top), expected, String(top))
  t.end()
})

t.test('a chart draws each point at its place, and hides no name behind another', (t) => {
  const chart = {
    title: 'a < b',
    xs: [1, 10, 100],
    xName: 'Jobs',
    series: [
      { name: 'first', points: [[1, 0] as const, [100, 10] as const] },
      { name: 'second', points: [[10, 10] as const] },
    ],
    bound: { y: 5, name: 'bound' },
  }
  const svg = svgOf('all', [chart])
  t.match(svg, 'a &#60; b')
  t.match(svg, '<polyline points="56,250 330,44"', 'from the lower left to the upper right')
  t.match(svg, '<circle cx="193" cy="44"', 'ten is halfway from one to a hundred')
  t.match(svg, /stroke-dasharray="5 4".*\n<text [^>]*>bound</)
  const heightOf = (name: string) => Number(new RegExp(`y="([\\d.]+)"[^>]*>${name}<`).exec(svg)?.[1])
  t.ok(heightOf('second') - heightOf('first') >= 14)
  t.end()
})

t.test('the plot in the docs is drawn from the figures beside it', (t) => {
  t.ok(existsSync(FIGURES))
  const growth = JSON.parse(readFileSync(FIGURES, 'utf8')) as Growth
  t.equal(readFileSync(join(ROOT, 'docs', 'scale.svg'), 'utf8'), plotOf(growth))
  t.end()
})
