import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { dependencyOn, ownPackage } from '../cli/project/own-package.ts'
import { newProject } from '../cli/project/templates/project-files.ts'
import { processEnvironment } from '../dev/config.ts'
import { createCompiler } from '../dev/compiler/compiler.ts'
import { packageFile } from '../dev/processes/entry-points.ts'
import { findInstance } from '../dev/instance.ts'
import { eventually } from '../testing/eventually.fixture.ts'
import { median } from './accept.ts'
import type { Place } from './place.ts'

/** Milliseconds since a module's source was saved. */
export interface ReloadTimes {
  /** Until it is compiled, when nothing else runs. */
  readonly compiled: number
  /** Until an event sent to `jobico dev` has the result of the new code. */
  readonly result: number
}

const ROUNDS = 9
/** Nobody saves without a pause. */
const PAUSE_MS = 2_000
const POLL_MS = 20
const PROGRAM = fileURLToPath(packageFile('dist/jobico.js'))
const { files } = newProject('reload', 'json', dependencyOn(await ownPackage()))

/** Measures reloads after a save in a project of the template `json`: the median of several, with the packed program. */
export async function measureReload({ folder: parent }: Pick<Place, 'folder'>): Promise<ReloadTimes> {
  const folder = join(parent, 'reload')
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  const source = join(folder, 'assembly', 'index.ts')
  return { compiled: await timesOfCompiler(folder, source), result: await timesOfDev(folder, source) }
}

async function timesOfCompiler(folder: string, source: string): Promise<number> {
  const compiler = createCompiler({ optimize: false })
  const module = { entry: source, out: join(folder, 'bare.wasm') }
  try {
    await compiler.compile(module)
    return await medianOf(() => compiler.compile(module))
  } finally {
    await compiler.close()
  }
}

async function timesOfDev(folder: string, source: string): Promise<number> {
  const dev = spawn(process.execPath, [PROGRAM, 'dev', '--port', '0'], { cwd: folder, stdio: 'ignore' })
  const ended = once(dev, 'exit')
  try {
    const served = async () =>
      (await findInstance(folder, { environment: processEnvironment(), warn: () => undefined }))?.instance
        .events[0]?.url
    const url = await eventually('jobico dev serves', served, { everyMs: POLL_MS })
    const body = JSON.stringify({ data: [JSON.parse(await readFile(join(folder, 'event.json'), 'utf8'))] })
    let text = await readFile(source, 'utf8')
    return await medianOf(async (round) => {
      const suffix = `-${round}`
      text = text.replace(/new Receipt\(order\.id[^,]*,/, `new Receipt(order.id + "${suffix}",`)
      await writeFile(source, text)
      const isNew = async () => (await idOfResult(url, body)).endsWith(suffix)
      await eventually('a result of the new code', isNew, { everyMs: POLL_MS })
    })
  } finally {
    dev.kill('SIGTERM')
    await ended
  }
}

async function medianOf(step: (round: number) => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    await delay(PAUSE_MS)
    const began = performance.now()
    await step(round)
    times.push(performance.now() - began)
  }
  return median(times)
}

async function idOfResult(url: string, body: string): Promise<string> {
  const headers = { 'content-type': 'application/json', prefer: 'wait=10' }
  const answer = await fetch(url, { method: 'POST', headers, body })
  return ((await answer.json()) as { data: { id: string } }).data.id
}
