import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { format, resolveConfig } from 'prettier'
import { parse } from 'yaml'

import { formatPath } from '../crds/structure.ts'
import { messageOf } from '../functions/process/errors.ts'
import { cliPage } from './generate/cli-page.ts'
import { CRD_FILE, readCrd } from './generate/crd.ts'
import { errorsPage } from './generate/errors-page.ts'
import { jobPage } from './generate/job-page.ts'
import { jobSchema } from './generate/job-schema.ts'
import { jobTypes } from './generate/job-types.ts'

const HELP = `npm run generate -- [--check]

Makes from the CustomResourceDefinition the schema with which editors complete Job files and jobico dev checks them, the
TypeScript types, and the reference page; and from their definitions the pages of the command line and of the error codes.

  --check  changes nothing, and fails if a file is not what would be made
`
const EXAMPLE_FILE = 'scripts/generate/job-example.yaml'

interface GeneratedFile {
  readonly file: string
  /** What it is made from. */
  readonly from: string
  readonly content: string
}

async function generate(example: string): Promise<readonly GeneratedFile[]> {
  const crd = readCrd(await readFile(fromRoot(CRD_FILE), 'utf8'))
  const schema = jobSchema(crd.schema)
  const style = await resolveConfig(fromRoot(CRD_FILE))
  const json = await format(JSON.stringify(schema), { ...style, parser: 'json' })
  const types = await format(await jobTypes(schema), { ...style, parser: 'typescript' })
  return [
    { file: 'crds/job.schema.json', from: CRD_FILE, content: json },
    { file: 'crds/job.ts', from: CRD_FILE, content: types },
    { file: 'docs/reference/job.md', from: CRD_FILE, content: jobPage(crd, example) },
    { file: 'docs/reference/cli.md', from: 'scripts/cli/commands', content: cliPage() },
    {
      file: 'docs/reference/error-codes.md',
      from: 'functions/process/errors.ts',
      content: errorsPage(),
    },
  ]
}

/** Checks a Job as `kubectl apply` would. The schema is read only now, since it may have been written just before. */
async function checkExample(example: string): Promise<void> {
  const { admitJob } = await import('../crds/admission.ts')
  const admission = admitJob(parse(example))
  if ('job' in admission) return
  const [fault] = admission.faults
  throw new Error(
    `${EXAMPLE_FILE} is not a valid Job: ${formatPath(fault?.path ?? [])}: ${fault?.message ?? ''}`,
  )
}

function fromRoot(file: string): string {
  return fileURLToPath(new URL(`../${file}`, import.meta.url))
}

/** Writes the files. With `isCheck` it compares instead, names those that differ, and returns false if there are any. */
async function writeOrCompare(files: readonly GeneratedFile[], isCheck: boolean): Promise<boolean> {
  let same = true
  for (const { file, from, content } of files) {
    if (!isCheck) {
      await writeFile(fromRoot(file), content)
    } else if ((await readFile(fromRoot(file), 'utf8').catch(() => '')) !== content) {
      process.stderr.write(
        `${file} is not what ${from} makes of it: run "npm run generate" and commit the result\n`,
      )
      same = false
    }
  }
  return same
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      check: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  const example = await readFile(fromRoot(EXAMPLE_FILE), 'utf8')
  // A schema that is not what it should be, perhaps not even JSON, can't judge the example.
  if (await writeOrCompare(await generate(example), values.check)) await checkExample(example)
  else process.exitCode = 1
}

try {
  await main()
} catch (thrown) {
  process.stderr.write(`error: ${messageOf(thrown)}\n`)
  process.exitCode = 1
}
