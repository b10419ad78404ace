import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { messageOf } from '../../functions/process/errors.ts'
import { compileAssemblyScript } from '../assemblyscript.ts'
import { debianFile } from '../testing/debian.ts'
import { runProgram } from '../testing/program.ts'
import { wholeNumber } from '../testing/whole-number.ts'
import { BOUNDS, clusterEnvironment, faultsEnvironment, type FaultsConfig } from './config.ts'
import { auditTable, type Row } from './ledger/table.ts'
import { openNetwork, removeLeftNetworks } from './system/network.fixture.ts'

/**
 * Runs the fault cases. Each starts real processes on this machine, kills, stops, disconnects or slows them down or changes
 * their clock, and then audits what became of every event. Prints the counts of all audits.
 */

/** How the names begin of cases that need three servers. */
const THREE = 'three-'
const HELP = `npm run test:faults -- [--seed N] [--minutes N] [--servers N] [--cluster] [NAME...]

Runs Jobico under faults and prints what became of all events that were sent. Every accepted event must be pending, done
or dead, with one verdict each.
  NAME         runs only the files whose name contains NAME
  --seed N     the seed of all random numbers, 0 to 2147483648 (a new one each time); repeats a failure
  --minutes N  how long the random schedule of faults lasts (1)
  --servers N  1: one nats-server (default); 3: a cluster of three, each in a network namespace, and streams in three copies,
               with more cases, whose names begin with ${THREE}; needs root on Linux
  --cluster    runs only the random schedule, on the test cluster, where it kills pods
`
const CASES = join(import.meta.dirname, 'cases')
const BUILD = join(import.meta.dirname, 'build')
const ENDING = '.faults.test.ts'
/**
 * How many files run at once. One more than the cores: cases mostly wait, and some load makes the others late, as is wanted
 * here. But three servers leave no time to spare.
 */
const atOnce = (servers: number) =>
  servers === 1 ? availableParallelism() + 1 : Math.ceil(availableParallelism() / 2)
const CASE_LIMIT_S = 900

async function casesOf(names: readonly string[], servers: number): Promise<string[]> {
  const all = (await readdir(CASES))
    .filter((file) => file.endsWith(ENDING) && (servers === 3 || !file.startsWith(THREE)))
    .sort()
  const chosen = all.filter((file) => names.length === 0 || names.some((name) => file.includes(name)))
  if (chosen.length > 0) return chosen.map((file) => join(CASES, file))
  const known = all.map((file) => file.slice(0, -ENDING.length)).join(', ')
  throw new Error(`no case is named ${names.join(' or ')}; there are ${known}`)
}

async function runLocally(
  files: readonly string[],
  chosen: Pick<FaultsConfig, 'seed' | 'minutes' | 'servers'>,
) {
  const scratch = await mkdtemp(join(tmpdir(), 'jobico-faults-'))
  try {
    if (chosen.servers > 1) await (await openNetwork(chosen.servers)).close()
    await mkdir(BUILD, { recursive: true })
    const module = join(BUILD, 'guest.wasm')
    await compileAssemblyScript({ entry: join(import.meta.dirname, 'assembly', 'guest.ts'), out: module })
    const tools = await fetchTools()
    const resultsFile = join(scratch, 'results')
    await writeFile(resultsFile, '')
    const config = { ...chosen, resultsFile, module, ...tools }
    const options = [
      '--disable-coverage',
      `--jobs=${atOnce(chosen.servers)}`,
      `--timeout=${CASE_LIMIT_S + chosen.minutes * 60}`,
    ]
    const environment = faultsEnvironment(config)
    const { code } = await runProgram('tap', ['run', ...options, ...files], { environment, show: true })
    process.stdout.write(`\n${auditTable(await readRows(resultsFile))}\n\n`)
    return code === 0
  } finally {
    if (chosen.servers > 1) await removeLeftNetworks()
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Downloads the programs and libraries that change clocks and slow processes down. */
async function fetchTools() {
  const tracing = ['strace', 'libunwind8'] as const
  return {
    faketime: await debianFile(BUILD, { packages: ['libfaketime'], name: 'libfaketime.so.1' }),
    strace: await debianFile(BUILD, { packages: tracing, name: 'strace' }),
    unwind: await debianFile(BUILD, { packages: tracing, name: 'libunwind-ptrace.so.0' }),
  }
}

async function readRows(file: string): Promise<Row[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Row)
}

async function runOnCluster(chosen: Pick<FaultsConfig, 'seed' | 'minutes'>): Promise<boolean> {
  const environment = clusterEnvironment(chosen)
  const { code } = await runProgram('npm', ['run', '-s', 'test:e2e', '--', 'ledger'], {
    environment,
    show: true,
  })
  return code === 0
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      minutes: { type: 'string', default: '1' },
      servers: { type: 'string', default: '1' },
      cluster: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  const seed = wholeNumber('--seed', values.seed, BOUNDS.seed)
  const minutes = wholeNumber('--minutes', values.minutes, BOUNDS.minutes)
  const servers = wholeNumber('--servers', values.servers, BOUNDS.servers)
  if (servers === 2)
    throw new Error('--servers is 2; it must be 1 or 3: two have no majority when one is away')
  const same = `--seed ${seed} --minutes ${minutes} --servers ${servers}`
  process.stdout.write(`# seed ${seed}: run the same again with ${same}\n`)
  const passed = values.cluster
    ? await runOnCluster({ seed, minutes })
    : await runLocally(await casesOf(positionals, servers), { seed, minutes, servers })
  process.stdout.write(`# seed ${seed}: ${passed ? 'passed' : 'failed'}\n`)
  if (!passed) process.exitCode = 1
}

try {
  await main()
} catch (thrown) {
  process.stderr.write(`error: ${messageOf(thrown)}\n`)
  process.exitCode = 1
}
