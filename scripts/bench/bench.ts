import { cpus } from 'node:os'
import { parseArgs } from 'node:util'

import { processEnvironment } from '../dev/config.ts'
import { measureAccept } from './accept.ts'
import { growth } from './growth/growth.ts'
import { measureDurability, SYNC_INTERVALS } from './durability.ts'
import { measureIdentities } from './identities.ts'
import { measureInvocation, measureNeighbours } from './invocation.ts'
import { openPlace, type Place } from './place.ts'
import { measureReload } from './reload.ts'
import { measureRun } from './run.ts'
import { measureWake } from './wake.ts'

/** What can be measured, by the word that the command line has for it. */
const MEASUREMENTS: Readonly<Record<string, (place: Place, extent: Extent) => Promise<readonly Figure[]>>> = {
  processes: processFigures,
  guests: guestFigures,
  wake: wakeFigures,
  reload: reloadFigures,
  durability: (_, extent) => durabilityFigures(extent),
  identities: (_, extent) => identityFigures(extent),
}

const HELP = `npm run bench -- [WHAT...] [--json] [--seconds N] [--rounds N] [--backlog N]

Measures Jobico against a bare server and a bare consumer on this machine, in one run, and prints ratios.
Needs wrk, and the bundles of "npm run build". WHAT is one of ${Object.keys(MEASUREMENTS).join(', ')}; all of them without it.

  --seconds N   of each round of the listener's measurement (5)
  --rounds N    of the listener's measurement; their median counts (3)
  --backlog N   events for the runner (50000)
  --json        prints one line of JSON and no table

npm run bench -- growth measures instead how Jobico grows with its Jobs and events; add --help for more.
`

/** What a guest does, and what its events are compared with: nothing, or a harmless guest with the same load. */
const BESIDE = [
  ['ok', 'nothing'],
  ['trap', 'ok'],
  ['flood', 'ok'],
  ['loop', 'work'],
  ['memory', 'laden'],
] as const

/** The longest time from the PubAck of the first message to the scaler's word, in milliseconds. */
const PROMISED_WAKE_MS = 50

/** One line of the table: a rate or cost of ours, divided by that of the bare environment. */
interface Figure {
  readonly name: string
  readonly unit: string
  readonly ours: number
  readonly bare: number
  readonly ratio: number
}

function figure(name: string, unit: string, ours: number, bare: number): Figure {
  return {
    name,
    unit,
    ours: rounded(ours),
    bare: rounded(bare),
    ratio: Math.round((ours / bare) * 1_000) / 1_000,
  }
}

/** Rounds to three digits, which is more than a measurement is exact. */
function rounded(value: number): number {
  return value >= 1_000 ? Math.round(value) : Number(value.toPrecision(3))
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '3' },
      backlog: { type: 'string', default: '50000' },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  const unknown = positionals.find((name) => !Object.hasOwn(MEASUREMENTS, name))
  if (unknown !== undefined) {
    process.stderr.write(`error: nothing is called ${unknown}; --help names what can be measured
`)
    process.exitCode = 1
    return
  }
  const place = await openPlace(processEnvironment())
  try {
    report(values.json, await measure(place, positionals, values))
  } finally {
    await place.close()
  }
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** The numbers of the command line, as text. */
interface Extent {
  readonly seconds: string
  readonly rounds: string
  readonly backlog: string
}

async function measure(place: Place, names: readonly string[], extent: Extent): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const [name, figuresOf] of Object.entries(MEASUREMENTS))
    if (names.length === 0 || names.includes(name)) figures.push(...(await figuresOf(place, extent)))
  return figures
}

async function processFigures(place: Place, { seconds, rounds, backlog }: Extent) {
  progress(`listener: ${rounds} rounds of ${seconds} s each, and as many of a bare node:http server`)
  const accept = await measureAccept(place, Number(seconds), Number(rounds))
  progress(`runner: a backlog of ${backlog} events, twice`)
  const run = await measureRun(place, Number(backlog))
  return [
    figure('listener accepts / bare node:http answers', 'requests/s', accept.listener, accept.bare),
    figure('runner runs echo / bare consume and ack', 'events/s', run.runner, run.bare),
  ]
}

async function guestFigures(place: Place) {
  progress('guests: an echo of 1 KiB in AssemblyScript')
  const cost = await measureInvocation(place)
  progress('guests: events while a harmful or a harmless guest runs on another thread')
  const neighbours = await measureNeighbours(place)
  return [
    figure('an instantiation / a call of a function', 'µs', cost.instantiation, cost.call),
    figure('echo of 1 KiB in a fresh instance / its instantiation', 'µs', cost.execution, cost.instantiation),
    figure('the same through a pool of one thread / in a thread', 'µs', cost.oneThread, cost.execution),
    figure(`the same through a pool of ${cost.threads} / of one`, 'µs', cost.allThreads, cost.oneThread),
    ...BESIDE.map(([ours, bare]) =>
      figure(
        `99th percentile of events beside: ${ours} / ${bare}`,
        'ms',
        neighbours.get(ours) ?? NaN,
        neighbours.get(bare) ?? NaN,
      ),
    ),
  ]
}

async function wakeFigures(place: Place) {
  progress('scaler: from the first message of an idle event to the word to KEDA')
  const { events, p99 } = await measureWake(place)
  const name = `99th percentile of ${events} idle events, from the PubAck to the word to KEDA / what is promised`
  return [figure(name, 'ms', p99, PROMISED_WAKE_MS)]
}

async function reloadFigures(place: Place) {
  progress('dev: from a save of a module to its first result')
  const { result, compiled } = await measureReload(place)
  return [figure('from a save to its first result in dev / to compile it', 'ms', result, compiled)]
}

async function durabilityFigures({ seconds, rounds }: Extent) {
  progress('durability: the listener again, with NATS syncing its data to disk at several intervals')
  const durable = await measureDurability(processEnvironment(), Number(seconds), Number(rounds))
  const relaxed = durable.get('2m') ?? NaN
  return SYNC_INTERVALS.slice(1).map((interval) =>
    figure(
      `listener with sync_interval ${interval} / with 2m`,
      'requests/s',
      durable.get(interval) ?? NaN,
      relaxed,
    ),
  )
}

async function identityFigures({ seconds, rounds, backlog }: Extent) {
  progress('identities: listener and runner with identities in NATS and without, in turns')
  const extent = { seconds: Number(seconds), rounds: Number(rounds), backlog: Number(backlog) }
  const { on, off } = await measureIdentities(processEnvironment(), extent)
  const name = (what: string) => `${what} with identities in NATS / without`
  return [
    figure(name('listener accepts'), 'requests/s', on.accepted, off.accepted),
    figure(name('runner runs echo'), 'events/s', on.run, off.run),
    figure(name('cold start of a listener'), 'ms', on.coldStart, off.coldStart),
  ]
}

function report(json: boolean, figures: readonly Figure[]): void {
  const about = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length }
  if (!json) process.stdout.write(`${table(figures)}\n\n`)
  process.stdout.write(`${JSON.stringify({ ...about, figures })}\n`)
}

function table(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, unit, ours, bare, ratio }) => [
    name,
    unit,
    `${ours}`,
    `${bare}`,
    ratio.toFixed(3),
  ])
  const all = [['what', 'unit', 'ours', 'bare', 'ratio'], ...rows]
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? []
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')).join('\n')
}

const [first, ...rest] = process.argv.slice(2)
if (first === 'growth') await growth(rest)
else await main()
