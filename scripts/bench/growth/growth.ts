import { cpus, loadavg, totalmem } from 'node:os'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { messageOf } from '../../../functions/process/errors.ts'
import { processEnvironment } from '../../dev/config.ts'
import { mustRun, runProgram } from '../../testing/program.ts'
import { wholeNumber } from '../../testing/whole-number.ts'
import { measureJobs } from './measure-jobs.ts'
import { measureQueue, measureSizes } from './measure-queue.ts'
import type { ClusterFigures } from './on-cluster.ts'
import { plotOf } from './plot.ts'
import { merge, NOTHING_MEASURED, tables, type Growth, type Measured } from './results.ts'

const PARTS = ['jobs', 'sizes', 'queue'] as const
type Part = (typeof PARTS)[number]

/** Exits instead of being ended, so that what it has started ends with it. */
const ENDED_BY_SIGTERM = 143
const COUNTS = { min: 1, max: 999_999_999 }
const ALONE = '1,10,100,500,1000'
const ON_CLUSTER = '60'
const CLUSTER = join(import.meta.dirname, '..', '..', 'cluster')
const HELP = `npm run bench -- growth [PART...] [--jobs N,N...] [--servers 1|3] [--rest N] [--events N] [--seconds N]
                           [--out FILE] [--plot FILE]
npm run bench -- growth --cluster [--jobs N] [--rest N] [--out FILE]

Measures how Jobico grows, and prints tables and then one line of JSON. Progress goes to stderr. Without a PART it measures all
three, which takes some 40 minutes; it needs Linux, wrk, and the API server that "npm run test:api" builds.

  jobs     an API server, nats-server and the operator, without kubelets, with more and more Jobs of one event: how long they take
           to be ready, what all cost at rest, how soon the scaler speaks, and a module that is pushed afterwards
  sizes    accepting and running events of 1 KiB, 64 KiB and 900 KiB
  queue    accepting and running events while very many wait, and while there are very many outcomes

  --jobs N,N...  numbers of Jobs (1,10,100,500,1000)
  --servers N    nats-servers, and copies of each stream: 1 or 3 (1)
  --rest N       seconds at rest that are measured (600; every Job is looked at once within ten minutes)
  --events N     how many events wait, and how many outcomes there are (1000000)
  --seconds N    of each measurement of the listener (5)
  --cluster      makes Jobs on the test cluster instead (60), with Jobico installed on it; "npm run cluster -- up" starts it
  --out FILE     adds what was measured to a file of JSON, in place of what it has of the same kind and size
  --plot FILE    draws what was measured, and what --out has, as an SVG
`

interface Extent {
  readonly parts: readonly Part[]
  readonly jobs: readonly number[]
  readonly servers: 1 | 3
  readonly rest: number
  readonly events: number
  readonly seconds: number
}

/** Runs `npm run bench -- growth`. */
export async function growth(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: 'boolean', default: false },
      jobs: { type: 'string' },
      servers: { type: 'string', default: '1' },
      rest: { type: 'string', default: '600' },
      events: { type: 'string', default: '1000000' },
      seconds: { type: 'string', default: '5' },
      out: { type: 'string' },
      plot: { type: 'string' },
      cluster: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  const extent: Extent = {
    parts: partsOf(positionals),
    jobs: (values.jobs ?? (values.cluster ? ON_CLUSTER : ALONE))
      .split(',')
      .map((text) => wholeNumber('--jobs', text, COUNTS)),
    servers: serversOf(values.servers),
    rest: wholeNumber('--rest', values.rest, COUNTS),
    events: wholeNumber('--events', values.events, COUNTS),
    seconds: wholeNumber('--seconds', values.seconds, COUNTS),
  }
  process.once('SIGTERM', () => process.exit(ENDED_BY_SIGTERM))
  let results = values.out === undefined ? NOTHING_MEASURED : await readResults(values.out)
  let own = NOTHING_MEASURED
  await (values.cluster ? measureCluster : measure)(extent, async (measured) => {
    own = merge(own, measured)
    results = merge(results, measured)
    // After each number, so that little is lost when a long run is broken off.
    if (values.out !== undefined) await writeFile(values.out, `${JSON.stringify(results, null, 2)}\n`)
    if (values.plot !== undefined) await writeFile(values.plot, plotOf(results))
  })
  process.stdout.write(`${tables(own)}\n${JSON.stringify(own)}\n`)
}

function partsOf(names: readonly string[]): readonly Part[] {
  const parts = PARTS.filter((part) => names.length === 0 || names.includes(part))
  const unknown = names.filter((name) => !PARTS.some((part) => part === name))
  if (unknown.length > 0)
    throw new Error(`there is no part ${unknown.join(', ')}; the parts are ${PARTS.join(', ')}`)
  return parts
}

function serversOf(text: string): 1 | 3 {
  if (text !== '1' && text !== '3') throw new Error(`--servers is "${text}", not 1 or 3`)
  return text === '1' ? 1 : 3
}

async function readResults(file: string): Promise<Growth> {
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined) return NOTHING_MEASURED
  try {
    return { ...NOTHING_MEASURED, ...(JSON.parse(text) as Partial<Growth>) }
  } catch (cause) {
    throw new Error(`${file} is not what an earlier run wrote: ${messageOf(cause)}`, { cause })
  }
}

type Take = (measured: Partial<Growth>) => Promise<void>

async function measure({ parts, jobs, servers, rest, events, seconds }: Extent, take: Take): Promise<void> {
  const environment = processEnvironment()
  if (parts.includes('jobs')) {
    const load = loads()
    await measureJobs({ jobs: jobs.toSorted((a, b) => a - b), servers, restSeconds: rest }, environment, {
      progress,
      onFigures: (figures) => take({ jobs: [{ ...figures, on: machine(load()) }] }),
    })
  }
  if (parts.includes('sizes')) {
    const load = loads()
    await measureSizes({ seconds }, environment, {
      progress,
      onFigures: (figures) => take({ sizes: [{ ...figures, on: machine(load()) }] }),
    })
  }
  if (parts.includes('queue')) {
    const load = loads()
    await measureQueue({ seconds, events }, environment, {
      progress,
      onFigures: (figures) => take({ queue: [{ ...figures, on: machine(load()) }] }),
    })
  }
}

/** Measures on the test cluster, from inside its network. Throws an Error when it is not up. */
async function measureCluster({ jobs, rest }: Extent, take: Take): Promise<void> {
  const { code } = await runProgram(join(CLUSTER, 'status'), [])
  if (code !== 0) throw new Error('the test cluster is not up; start it: npm run cluster -- up')
  const load = loads()
  for (const count of jobs) {
    progress(`${count} Jobs on the test cluster: made, at rest, and some events from zero`)
    const program = join(import.meta.dirname, 'on-cluster.ts')
    const said = await mustRun(join(CLUSTER, 'run'), [process.execPath, program, String(count), String(rest)])
    const figures = JSON.parse(said) as ClusterFigures
    await take({ cluster: [{ ...figures, on: machine(load()) }] })
  }
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** The load of the machine when the measurement began and now: others may be busy on it. */
function loads(): () => Measured['load'] {
  const [begin = NaN] = loadavg()
  return () => ({ begin: round(begin), end: round(loadavg()[0] ?? NaN) })
}

function machine(load: Measured['load']): Measured {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    at: new Date().toISOString().slice(0, 16),
    load,
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
