import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import pc from 'picocolors'

import type { LocalJob } from '../../job-files/local-job.ts'
import { linkPackage } from '../../dev/project-links/link-package.ts'
import { loadJobs } from '../../job-files/load.ts'
import { examplesOf, readJson, shown, type Example } from '../../module-testing/examples.ts'
import { printable, printableJson } from '../../dev/output/printable.ts'
import { replaceFile } from '../../replace-file.ts'
import { runExample, type Ending } from '../../module-testing/run-example.ts'
import { buildModules } from './build.ts'
import { findProject } from './find-project.ts'
import { diffLines } from './line-diff.ts'
import { print, type Format } from '../terminal/output.ts'

/** The options of `jobico test`. */
export interface TestOptions {
  readonly output: Format
  readonly update?: boolean
}

/** An example, its actual outcome, and the expected one. */
interface Judged extends Ending {
  readonly example: Example
  /** Undefined if there is no file with the expected outcome. */
  readonly expected: unknown
  readonly status: 'passed' | 'failed' | 'updated'
}

/**
 * Compiles the modules of Jobs and runs their examples: checks the schema, then runs the module as a runner would. Sets exit
 * code 1 if an outcome is not the expected one. Throws an Error if there are no examples.
 */
export async function test(files: readonly string[], { output, update = false }: TestOptions): Promise<void> {
  const project = findProject(files, 'test')
  const { jobs } = await loadJobs(project.files)
  const examples = await examplesOf(jobs)
  if (examples.length === 0) throw new Error(noExamples(jobs))
  if (existsSync(join(project.folder, 'package.json'))) await linkPackage(project.folder) // for the tests that follow this in npm test
  await buildModules(jobs)
  const verdicts: Judged[] = []
  for (const example of examples) {
    const verdict = await judge(example, update)
    verdicts.push(verdict)
    if (output === 'text')
      verdictLines(verdict).forEach((line) => {
        print(line)
      })
  }
  const failed = verdicts.filter(({ status }) => status === 'failed').length
  if (output === 'json') print(JSON.stringify(verdicts.map(forPrograms)), 'json')
  else print(`${verdicts.length - failed} of ${verdicts.length} examples ended as expected`)
  if (failed > 0) process.exitCode = 1
}

async function judge(example: Example, update: boolean): Promise<Judged> {
  const { expectedFile } = example
  const ending = await runExample(example)
  const expected = existsSync(expectedFile) ? await readJson(expectedFile) : undefined
  if (isDeepStrictEqual(ending.seen, expected)) return { example, ...ending, expected, status: 'passed' }
  if (!update) return { example, ...ending, expected, status: 'failed' }
  await replaceFile(expectedFile, `${pretty(ending.seen)}\n`)
  return { example, ...ending, expected, status: 'updated' }
}

function verdictLines({ example, seen, expected, lines, status }: Judged): string[] {
  const { event, file, expectedFile } = example
  const head = `${HEADS[status]()} ${event.name}  ${shown(file)}`
  if (status === 'passed') return [head]
  if (status === 'updated') return [`${head}: wrote ${shown(expectedFile)}`]
  const logged = lines.map(({ level, message }) => pc.dim(`    log ${level}: ${printable(message)}`))
  if (expected === undefined) {
    const hint = `    there is no ${shown(expectedFile)}; jobico test --update writes it, as:`
    return [head, hint, ...indented(pretty(seen)), ...logged]
  }
  const diff = diffLines(pretty(expected).split('\n'), pretty(seen).split('\n'))
  return [head, `    - ${shown(expectedFile)}`, '    + what came out', ...diff.map(colored), ...logged]
}

const HEADS = {
  passed: () => pc.green('passed '),
  failed: () => pc.red('failed '),
  updated: () => pc.yellow('updated'),
} as const

function colored(line: string): string {
  const text = `    ${line}`
  if (line.startsWith('-')) return pc.red(text)
  return line.startsWith('+') ? pc.green(text) : text
}

function indented(text: string): string[] {
  return text.split('\n').map((line) => `      ${line}`)
}

function pretty(value: unknown): string {
  return printableJson(JSON.stringify(value, null, 2))
}

function forPrograms({ example, seen, expected, lines, status }: Judged) {
  const { job, event, file, expectedFile } = example
  const place = {
    namespace: job.namespace,
    job: job.name,
    event: event.name,
    file: shown(file),
    expectedFile: shown(expectedFile),
  }
  return { ...place, status, expected, actual: seen, lines }
}

function noExamples(jobs: readonly LocalJob[]): string {
  const [event = 'ev1'] = jobs.flatMap(({ events }) => events.map(({ name }) => name))
  return `there is no example to run; put an event into event.json or examples/${event}/some-name.json beside the Job file`
}
