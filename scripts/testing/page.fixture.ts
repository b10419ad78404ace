import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

import type { Test } from 'tap'

import { eventually } from './eventually.fixture.ts'
import { codeBlocks, type CodeBlock } from './markdown.fixture.ts'
import { applyDiff, findShown, readConsole } from './shown-output.fixture.ts'

/** How the blocks of a page are run. */
export interface PageRun {
  /** The file of the page. */
  readonly page: string
  /** Where its first command runs. */
  readonly folder: string
  readonly environment: NodeJS.ProcessEnv
  /** Which commands run on while the reader goes on in another terminal. */
  readonly isServer: (command: string) => boolean
  /** Rewrites what depends on the machine in commands and in shown output, such as a port; by default nothing. */
  readonly translate?: (text: string) => string
}

/** The program that a reader would have in the first terminal. */
interface Server {
  readonly output: () => string
  readonly hasEnded: () => boolean
}

interface Place {
  /** Where the next command runs. */
  cwd: string
  server: Server | undefined
  /** How much of the server's output was found on the page. */
  seen: number
}

const WITHIN_MS = 60_000
const STOP_MS = 20_000
/** A command whose shown output has such a line may end with another status than 0. */
const FAILURE = /^(error|failed)\b/

/**
 * Does what a page says, block by block, as its reader would:
 * - after a text that ends with the name of a file, as in "`a.ts`:", writes the block into the file; a block `diff` changes it;
 * - in blocks `console`, runs the commands after `$ ` with bash, and looks for the lines shown below each in what it prints
 *   (`findShown`). Lines without a command are looked for in what the server prints next, and are waited for.
 * Other blocks are only read. Each block is a subtest, and the first that fails is the last. The server ends with the test.
 */
export async function runPage(t: Test, run: PageRun): Promise<void> {
  const place: Place = { cwd: run.folder, server: undefined, seen: 0 }
  for (const block of codeBlocks(readFileSync(run.page, 'utf8'))) {
    if (block.file === undefined && block.language !== 'console') continue
    const failure = await runBlock(t, run, place, block).catch((error: unknown) => error)
    t.equal(failure, undefined, `line ${block.line}, ${block.heading}`)
    if (failure !== undefined) return
  }
}

async function runBlock(t: Test, run: PageRun, place: Place, block: CodeBlock): Promise<void> {
  const { translate = unchanged } = run
  if (block.file !== undefined) {
    editFile(resolve(place.cwd, block.file), block)
    return
  }
  const { before, commands } = readConsole(translate(block.text))
  await waitForServer(place, before)
  for (const { command, output } of commands) {
    if (run.isServer(command)) {
      Object.assign(place, { server: startServer(t, command, run, place.cwd), seen: 0 })
      await waitForServer(place, output)
    } else {
      await runCommand(run, place, { command, shown: output })
    }
  }
}

function editFile(path: string, { language, text }: CodeBlock): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, language === 'diff' ? applyDiff(readFileSync(path, 'utf8'), text) : text)
}

async function runCommand(
  run: PageRun,
  place: Place,
  { command, shown }: { readonly command: string; readonly shown: readonly string[] },
): Promise<void> {
  const where = join(run.folder, '.cwd')
  const script = `exec 2>&1\n${command}\nstatus=$?\npwd >"$WHERE"\nexit $status`
  const child = start(script, place.cwd, { ...run.environment, WHERE: where })
  const status = await child.ended
  place.cwd = readFileSync(where, 'utf8').trim()
  const found = findShown(shown, child.output())
  if ('missing' in found) throw new Error(`${command}: no line "${found.missing}" in:\n${child.output()}`)
  if (status !== 0 && !shown.some((line) => FAILURE.test(line)))
    throw new Error(`${command} ended with ${String(status)}:\n${child.output()}`)
}

async function waitForServer(place: Place, shown: readonly string[]): Promise<void> {
  if (shown.length === 0) return
  const { server, seen } = place
  if (server === undefined) throw new Error(`nothing runs that could print "${shown[0] ?? ''}"`)
  const all = shown.join('\n')
  const look = () => {
    const found = findShown(shown, server.output().slice(seen))
    if ('taken' in found) return Promise.resolve(found)
    if (server.hasEnded()) throw new Error(`it has ended:\n${server.output()}`)
    return Promise.reject(new Error(`no line "${found.missing}" in:\n${server.output().slice(seen)}`))
  }
  const { taken } = await eventually(all, look, { withinMs: WITHIN_MS, everyMs: 50 })
  place.seen += taken
}

function startServer(t: Test, command: string, run: PageRun, cwd: string): Server {
  const child = start(`exec 2>&1\n${command}`, cwd, run.environment)
  t.teardown(async () => {
    child.signal('SIGINT') // what Ctrl-C does
    const limit = setTimeout(() => child.signal('SIGKILL'), STOP_MS)
    await child.ended
    clearTimeout(limit)
  })
  let hasEnded = false
  void child.ended.then(() => (hasEnded = true))
  return { output: child.output, hasEnded: () => hasEnded }
}

interface Child {
  readonly output: () => string
  readonly ended: Promise<number | null>
  /** Sends a signal to the program and all that it has started. */
  readonly signal: (name: NodeJS.Signals) => void
}

/** Starts a script of bash as a job of its own. */
function start(script: string, cwd: string, environment: NodeJS.ProcessEnv): Child {
  const child = spawn('bash', ['-c', script], {
    cwd,
    env: environment,
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const signal = (name: NodeJS.Signals) => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, name)
  }
  return { output: () => text, ended, signal }
}

function unchanged(text: string): string {
  return text
}
