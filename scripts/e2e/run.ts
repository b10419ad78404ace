import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { messageOf } from '../../functions/process/errors.ts'
import { caseEnvironment, type CaseConfig } from './config.ts'
import {
  compileModules,
  ensureCluster,
  fetchOldNats,
  install,
  loadImage,
  removeCluster,
  RUN,
  type Servers,
} from './prepare.ts'
import { runProgram } from '../testing/program.ts'
import { readTimes, timesTable } from './times.ts'

/**
 * Runs the end-to-end tests: starts the test cluster if it is not up, installs this tree into it, runs the cases of each
 * group, and prints the times that they measured.
 */

const HELP = `npm run test:e2e -- [--keep] [NAME...]

Runs the end-to-end tests on the test cluster. If the cluster is not up, starts it first, and takes it down at the end.
  NAME    runs only the files whose name contains NAME
  --keep  leaves the cluster up
`
/** Cases that run on the same installation. */
interface Group {
  readonly what: string
  /** The folder of its cases. */
  readonly folder: string
  readonly servers: Servers
  readonly atOnce: number
}

const GROUPS: readonly Group[] = [
  { what: 'Cases with three NATS servers', folder: 'three', servers: 3, atOnce: 1 },
  // Cases mostly wait, but on two cores more of them at a time would slow each other down.
  { what: 'Cases beside each other', folder: 'together', servers: 1, atOnce: 3 },
  // Each of these disturbs the whole cluster.
  { what: 'Cases one by one', folder: 'alone', servers: 1, atOnce: 1 },
]
const CASE_LIMIT_S = 1_500
/** The longest cases start first, so that no long one runs alone at the end. */
const LONGEST = ['errors', 'extras', 'later', 'scale']

const say = (line: string) =>
  void process.stdout.write(`# ${new Date().toTimeString().slice(0, 8)} ${line}\n`)

async function step<T>(what: string, act: () => Promise<T>): Promise<T> {
  const start = performance.now()
  say(`${what} …`)
  const value = await act()
  say(`${what}: ${((performance.now() - start) / 1_000).toFixed(1)} s`)
  return value
}

async function filesIn(folder: string, names: readonly string[]): Promise<string[]> {
  const all = (await readdir(join(import.meta.dirname, folder))).filter((file) =>
    file.endsWith('.e2e.test.ts'),
  )
  return all
    .filter((file) => names.length === 0 || names.some((name) => file.includes(name)))
    .sort((a, b) => rankOf(a) - rankOf(b) || a.localeCompare(b))
    .map((file) => join(import.meta.dirname, folder, file))
}

function rankOf(file: string): number {
  const place = LONGEST.findIndex((name) => file.startsWith(`${name}.`))
  return place < 0 ? LONGEST.length : place
}

async function runCases(files: readonly string[], atOnce: number, config: CaseConfig): Promise<boolean> {
  const options = ['--disable-coverage', `--jobs=${atOnce}`, `--timeout=${CASE_LIMIT_S}`]
  const environment = caseEnvironment(config)
  const { code } = await runProgram(RUN, ['tap', 'run', ...options, ...files], { environment, show: true })
  return code === 0
}

async function runAll(names: readonly string[], scratch: string): Promise<boolean> {
  const image = await step('Making and loading the image', loadImage)
  const config = {
    run: randomBytes(2).toString('hex'),
    timesFile: join(scratch, 'times'),
    modules: await step('Compiling the modules', compileModules),
    oldNats: await step('Fetching an old nats-server', fetchOldNats),
  }
  await writeFile(config.timesFile, '')
  try {
    let passed = true
    let installed: Servers | undefined
    for (const { what, folder, servers, atOnce } of GROUPS) {
      const files = await filesIn(folder, names)
      if (files.length === 0) continue
      if (servers !== installed)
        await step(`Installing ${image}, NATS servers: ${servers}`, () => install(image, servers))
      installed = servers
      passed = (await step(what, () => runCases(files, atOnce, config))) && passed
    }
    return passed
  } finally {
    process.stdout.write(`\n${timesTable(readTimes(config.timesFile))}\n\n`)
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { keep: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  const scratch = await mkdtemp(join(tmpdir(), 'jobico-e2e-'))
  const { wasUp } = await step('Looking for the test cluster', ensureCluster)
  try {
    if (!(await runAll(positionals, scratch))) process.exitCode = 1
  } finally {
    if (!wasUp && !values.keep) await step('Taking the cluster down', removeCluster)
    await rm(scratch, { recursive: true, force: true })
  }
}

try {
  await main()
} catch (thrown) {
  process.stderr.write(`error: ${messageOf(thrown)}\n`)
  process.exitCode = 1
}
