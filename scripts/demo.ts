import { rmSync } from 'node:fs'
import { cp, mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { messageOf } from '../functions/process/errors.ts'
import { compactJson } from './cli/terminal/output.ts'
import { processEnvironment } from './dev/config.ts'
import { startDev, type Dev } from './dev/dev.ts'
import { packageFile } from './dev/processes/entry-points.ts'
import type { ChildLine, Show } from './dev/output/report.ts'

/** Sends an event to the echo sample with real processes, in a folder of its own. Prints the result event as the last line. */

const SAMPLE = ['job.yaml', 'event.json', 'assembly']
const DONE_LIMIT_MS = 20_000

/** The steps of an event in their order. The logs of two processes may arrive in any order. */
const STEPS: readonly {
  readonly is: (line: ChildLine) => boolean
  readonly text: (line: ChildLine) => string
}[] = [
  { is: ({ msg }) => msg === 'Accepted', text: () => 'the listener has stored the event in the queue' },
  { is: ({ guest }) => guest === true, text: ({ msg }) => `the module says: ${msg}` },
  {
    is: ({ msg }) => msg === 'Event done',
    text: () => 'the runner has run the module, and stored the result',
  },
]

const say = (line: string) => void process.stdout.write(`${line}\n`)

async function demo(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'jobico-demo-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  try {
    say(`A folder for this demo: ${folder}`)
    const sample = fileURLToPath(packageFile('wasm-examples/echo'))
    for (const name of SAMPLE) await cp(join(sample, name), join(folder, name), { recursive: true })
    const result = await serveOne(folder)
    say('All processes have ended. The result, as a CloudEvent:')
    return result
  } finally {
    remove()
  }
}

async function serveOne(folder: string): Promise<string> {
  say('Compiling assembly/index.ts to WebAssembly, and starting nats-server, a listener and a runner …')
  const lines: ChildLine[] = []
  const show: Show = (report) => {
    if (report.kind === 'note') say(report.text)
    else lines.push(report.line)
  }
  const dev = await startDev({
    folder,
    files: [join(folder, 'job.yaml')],
    host: '127.0.0.1',
    port: 0,
    logLevel: 'info',
    environment: processEnvironment(),
    show,
  })
  try {
    return await sendOne(dev, await readFile(join(folder, 'event.json'), 'utf8'))
  } finally {
    await dev.stop()
    for (const { is, text } of STEPS) for (const line of lines.filter(is)) say(`  ${text(line)}`)
  }
}

async function sendOne(dev: Dev, event: string): Promise<string> {
  const url = dev.instance().events[0]?.url ?? ''
  const post = (body: string, more: Record<string, string> = {}) =>
    fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/cloudevents+json', ...more } })

  say(`Sending a CloudEvent whose data lacks lastName to ${url}`)
  const refused = await post(
    JSON.stringify({ ...(JSON.parse(event) as object), data: { firstName: 'Andres' } }),
  )
  say(`  ${refused.status}: ${await refused.text()}`)
  say(`Sending event.json`)
  const answer = await post(event, { prefer: `wait=${DONE_LIMIT_MS / 1_000}` })
  const text = await answer.text()
  if (refused.status !== 422 || answer.status !== 200)
    throw new Error(`the answers were ${refused.status} and ${answer.status}, not 422 and 200: ${text}`)
  return compactJson(text)
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
try {
  say(await demo())
} catch (thrown) {
  process.stderr.write(`error: ${messageOf(thrown)}\n`)
  process.exitCode = 1
}
