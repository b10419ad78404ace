import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { newProject } from '../cli/templates/project-files.ts'
import { processEnvironment } from '../dev/config.ts'
import { startDev } from '../dev/dev.ts'

/**
 * Prints how long it takes from saving the source of a module under `jobico dev` to the first result of the new code, with
 * the two longest parts of it: until the module is compiled, and until its runner has taken over. For a machine that is quiet.
 */

const ROUNDS = 10
const NAME = 'reload'
const { event, files } = newProject(NAME, 'json')

const folder = await mkdtemp(join(tmpdir(), 'jobico-reload-'))
for (const [path, content] of Object.entries(files)) {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), content)
}
let serving = Promise.withResolvers<undefined>()
const dev = await startDev({
  ...{ folder, files: [join(folder, 'job.yaml')], host: '127.0.0.1', port: 0, logLevel: 'info' },
  environment: processEnvironment(),
  show(report) {
    if (report.kind === 'note' && report.level === 'error') process.stderr.write(`${report.text}\n`)
  },
  onServing() {
    serving.resolve(undefined)
    return Promise.resolve()
  },
})
try {
  for (let round = 1; round <= ROUNDS; round++) process.stdout.write(`${await reload(`-${round}`)}\n`)
} finally {
  await dev.stop()
  await rm(folder, { recursive: true, force: true })
}

/** Changes what the module adds to an id, and tells how long it took until a result had it. */
async function reload(suffix: string): Promise<string> {
  const source = join(folder, 'assembly', 'index.ts')
  const changed = (await readFile(source, 'utf8')).replace(
    /new Receipt\(order\.id[^,]*,/,
    `new Receipt(order.id + "${suffix}",`,
  )
  serving = Promise.withResolvers()
  const savedAt = Date.now()
  await writeFile(source, changed)
  await serving.promise
  const servedAt = Date.now()
  const id = await idOfResult()
  const endedAt = Date.now()
  if (!id.endsWith(suffix)) throw new Error(`the result was of the code before: ${id}`)
  const { mtimeMs } = await stat(join(folder, 'build', 'dev', `${NAME}.wasm`))
  return `compiled after ${Math.round(mtimeMs - savedAt)} ms, serving after ${servedAt - savedAt} ms, new result after ${endedAt - savedAt} ms`
}

async function idOfResult(): Promise<string> {
  const data: unknown = JSON.parse(await readFile(join(folder, 'event.json'), 'utf8'))
  const answer = await fetch(`${dev.instance().url}/listener/${event}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'wait=10' },
    body: JSON.stringify({ data: [data] }),
  })
  return ((await answer.json()) as { data: { id: string } }).data.id
}
