import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { messageOf } from '../../functions/process/errors.ts'
import { runProgram } from '../testing/program.ts'
import { wholeNumber } from '../testing/whole-number.ts'
import { BOUNDS, securityEnvironment } from './config.ts'
import { SUITES, type Suite } from './suites.ts'
import { failures, securityTable, type Measured, type Outcome } from './table.ts'

/** Runs the attacks, one after the other, since some of them measure times, and prints what each has shown. */

const HELP = `npm run test:security -- [--strict] [--seconds N] [--minutes N] [NAME...]

Attacks Jobico on this machine and prints a table: attack, bound, what was measured. Ends with 1 if a promise is broken: an event
is lost, an honest sender is refused, a process dies or takes more memory than its pod has. Attacks on a cluster are part of
"npm run test:e2e".
  NAME         runs only the attacks whose name contains NAME: ${SUITES.map(({ name }) => name).join(', ')}
  --seconds N  how long each kind of hostile connections goes on (10)
  --minutes N  how long the hostile tenants go on (${BOUNDS.minutes.fallback})
  --strict     ends with 1 also if a time exceeds its bound, which on a busy machine need not be Jobico's doing
`
const ROOT = join(import.meta.dirname, '..', '..')
const SECONDS = 10
/** Enough for the start and the end of a file. */
const MARGIN_S = 600

interface Extent {
  readonly seconds: number
  readonly minutes: number
}

async function runSuite({ attack, bound, files }: Suite, scratch: string, extent: Extent): Promise<Outcome> {
  process.stdout.write(`\n# ${attack}\n`)
  const resultsFile = join(scratch, 'results')
  await writeFile(resultsFile, '')
  const environment = securityEnvironment({ ...extent, resultsFile })
  const limit = MARGIN_S + extent.minutes * 120 + extent.seconds * 60
  const args = ['run', '--disable-coverage', '--jobs=1', `--timeout=${limit}`, ...files]
  const { code } = await runProgram('tap', args, { cwd: ROOT, environment, show: true })
  const lines = (await readFile(resultsFile, 'utf8')).split('\n').filter((line) => line !== '')
  return { attack, bound, passed: code === 0, measured: lines.map((line) => JSON.parse(line) as Measured) }
}

function chosen(names: readonly string[]): readonly Suite[] {
  const suites = SUITES.filter(
    (suite) => names.length === 0 || names.some((name) => suite.name.includes(name)),
  )
  if (suites.length > 0) return suites
  throw new Error(
    `no attack is named ${names.join(' or ')}; there are ${SUITES.map(({ name }) => name).join(', ')}`,
  )
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      seconds: { type: 'string', default: String(SECONDS) },
      minutes: { type: 'string', default: String(BOUNDS.minutes.fallback) },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  const extent = {
    seconds: wholeNumber('--seconds', values.seconds, BOUNDS.seconds),
    minutes: wholeNumber('--minutes', values.minutes, BOUNDS.minutes),
  }
  const scratch = await mkdtemp(join(tmpdir(), 'jobico-security-'))
  const outcomes: Outcome[] = []
  try {
    for (const suite of chosen(positionals)) outcomes.push(await runSuite(suite, scratch, extent))
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  const { broken, notMet } = failures(outcomes)
  process.stdout.write(`\n${securityTable(outcomes)}\n\n`)
  process.stdout.write(
    `# ${broken} of ${outcomes.length} attacks have broken a promise; ${notMet} times exceed their bound\n`,
  )
  if (broken > 0 || (values.strict && notMet > 0)) process.exitCode = 1
}

try {
  await main()
} catch (thrown) {
  process.stderr.write(`error: ${messageOf(thrown)}\n`)
  process.exitCode = 1
}
