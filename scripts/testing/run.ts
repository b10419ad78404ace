import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { messageOf } from '../../functions/process/errors.ts'
import { testingConfig } from './config.ts'
import { buildKubernetes, canBuildKubernetes, kubernetesPrograms } from './kubernetes.ts'
import { runProgram } from './program.ts'
import { KINDS, testFiles, type Kind } from './test-files.ts'

/**
 * Runs the tests of some kinds and, at the same time, the static checks. Prints the output of the tests, then that of the
 * static checks. Exits with 1 when anything failed.
 */

const HELP = `node scripts/testing/run.ts [--static] [--coverage] KIND...

Runs the tests of each KIND: unit (no other program), int (a real nats-server), dev (what a user does with jobico dev and the
packed package), api (the API server of Kubernetes).
  --static    also runs the static checks, beside the tests
  --coverage  measures coverage, and fails below the floor of scripts/coverage.ts; the run takes a quarter longer
`
const ROOT = join(import.meta.dirname, '..', '..')
/** Node keeps compiled code here: the many processes of the tests then start in half the time. */
const COMPILE_CACHE = join(ROOT, '.tap', 'compile-cache')

interface Options {
  readonly kinds: readonly Kind[]
  readonly isStatic: boolean
  readonly coverage: boolean
}

/** Runs npm scripts of package.json one after another, until one fails. Returns their output. */
async function runQuietly(...scripts: readonly string[]): Promise<{ code: number | null; output: string }> {
  let output = ''
  for (const script of scripts) {
    const { code, stdout, stderr } = await runProgram('npm', ['run', '-s', script], { cwd: ROOT })
    output += stdout + stderr
    if (code !== 0) return { code, output }
  }
  return { code: 0, output }
}

async function runTests(kinds: readonly Kind[], coverage: boolean): Promise<boolean> {
  const built = await runQuietly('build:tap')
  if (built.code !== 0) {
    process.stdout.write(built.output)
    return false
  }
  const options = coverage ? [] : ['--disable-coverage']
  // Coverage of code that comes from the cache is less exact.
  const environment = {
    ...testingConfig().environment,
    ...(coverage ? {} : { NODE_COMPILE_CACHE: COMPILE_CACHE }),
  }
  const args = ['run', ...options, ...testFiles(ROOT, kinds)]
  const { code } = await runProgram('tap', args, { cwd: ROOT, environment, show: true })
  return code === 0
}

/** Builds the API server if it is missing. Returns false, and prints what is missing, when it can't be built. */
async function prepareKubernetes(): Promise<boolean> {
  if (kubernetesPrograms() !== undefined) return true
  if (canBuildKubernetes()) {
    await buildKubernetes()
    return true
  }
  const count = testFiles(ROOT, ['api']).length
  process.stdout.write(
    `# ${count} test files did not run: they need the API server of Kubernetes, which Go builds; ` +
      'install Go 1.26 (https://go.dev/dl), then: npm run test:api\n',
  )
  return false
}

/** Runs the static checks; the answer shows what they have found, and says whether there is nothing. */
async function runStatic(): Promise<() => boolean> {
  const { code, output } = await runQuietly('check:static')
  return () => {
    process.stdout.write(`${output}# static checks: ${code === 0 ? 'passed' : 'failed'}\n`)
    return code === 0
  }
}

async function checkCoverage(): Promise<boolean> {
  const { code, output } = await runQuietly('coverage')
  process.stdout.write(output)
  return code === 0
}

/** Says how many test files other commands run. */
function sayWhatIsLeft(kinds: readonly Kind[]): void {
  if (!kinds.includes('int')) return
  const others = { dev: 'that take long', api: 'that need the API server of Kubernetes' } as const
  for (const kind of ['dev', 'api'] as const) {
    if (kinds.includes(kind)) continue
    const count = testFiles(ROOT, [kind]).length
    process.stdout.write(`# not run: ${count} test files ${others[kind]}; npm run test:${kind} runs them\n`)
  }
}

async function run({ kinds, isStatic, coverage }: Options): Promise<boolean> {
  if (kinds.includes('api') && !(await prepareKubernetes())) return !testingConfig().isCi
  const checking = isStatic ? runStatic() : undefined
  const passed = [await runTests(kinds, coverage)]
  if (checking !== undefined) passed.push((await checking)())
  if (coverage) passed.push(await checkCoverage())
  sayWhatIsLeft(kinds)
  return !passed.includes(false)
}

function isKind(name: string): name is Kind {
  return (KINDS as readonly string[]).includes(name)
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      static: { type: 'boolean', default: false },
      coverage: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  const kinds = positionals.filter(isKind)
  if (kinds.length === 0 || kinds.length < positionals.length)
    throw new Error(`name what to run: one or more of ${KINDS.join(', ')}`)
  if (!(await run({ kinds, isStatic: values.static, coverage: values.coverage }))) process.exitCode = 1
}

try {
  await main()
} catch (thrown) {
  process.stderr.write(`error: ${messageOf(thrown)}\n`)
  process.exitCode = 1
}
