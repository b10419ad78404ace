import { existsSync } from 'node:fs'
import { readFile, readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import { compileAssemblyScript, sdkDir } from './assemblyscript.ts'

/** One module of a sample: the absolute paths of its source and of the compiled file. */
export interface SampleModule {
  readonly entry: string
  readonly out: string
}

/** The folder that holds the SDK and the samples. */
export const EXAMPLES_DIR = dirname(sdkDir())

/** The names of the samples, which are folders with a Job file. */
export async function sampleNames(): Promise<string[]> {
  const names = await readdir(EXAMPLES_DIR)
  return names.filter((name) => existsSync(join(EXAMPLES_DIR, name, 'job.yaml'))).sort()
}

/**
 * The modules of a sample's Job that are written in AssemblyScript: `x.wasm` is compiled from `assembly/x.ts`, or else from
 * `assembly/index.ts`. Empty for a sample in another language, whose modules are in the tree and compiled by its build.sh.
 */
export async function sampleModules(sample: string): Promise<SampleModule[]> {
  const folder = join(EXAMPLES_DIR, sample)
  if (!existsSync(join(folder, 'assembly'))) return []
  const documents = parseAllDocuments(await readFile(join(folder, 'job.yaml'), 'utf8'))
  const jobs = documents.map((document) => document.toJS() as { spec?: { events: { wasm: string }[] } })
  const files = jobs.flatMap((job) => job.spec?.events ?? []).map((event) => event.wasm)
  return [...new Set(files)].map((file) => {
    const own = join(folder, 'assembly', `${basename(file, '.wasm')}.ts`)
    const entry = existsSync(own) ? own : join(folder, 'assembly', 'index.ts')
    return { entry, out: join(folder, 'build', file) }
  })
}

/** Compiles each module that is older than its source, the SDK, the compiler or this script. Reports each in a line. */
export async function buildExamples(report: (line: string) => void): Promise<void> {
  const toolsChanged = await newestChange([
    ...(await filesOf(join(sdkDir(), 'assembly'))),
    fileURLToPath(import.meta.resolve('assemblyscript/package.json')),
    fileURLToPath(import.meta.resolve('./assemblyscript.ts')),
  ])
  for (const sample of await sampleNames()) {
    const modules = await sampleModules(sample)
    if (modules.length === 0) continue
    const sourceChanged = await newestChange(await filesOf(join(EXAMPLES_DIR, sample, 'assembly')))
    for (const module of modules) {
      const isFresh =
        existsSync(module.out) && (await changeOf(module.out)) > Math.max(toolsChanged, sourceChanged)
      report(`${sample}/build/${basename(module.out)}: ${isFresh ? 'up to date' : await build(module)}`)
    }
  }
}

async function build({ entry, out }: SampleModule): Promise<string> {
  const start = performance.now()
  const { diagnostics } = await compileAssemblyScript({ entry, out })
  const { size } = await stat(out)
  return `${size} bytes in ${Math.round(performance.now() - start)} ms ${diagnostics}`.trimEnd()
}

async function filesOf(folder: string): Promise<string[]> {
  const names = await readdir(folder)
  return names.filter((name) => name.endsWith('.ts')).map((name) => join(folder, name))
}

async function newestChange(files: readonly string[]): Promise<number> {
  return Math.max(...(await Promise.all(files.map(changeOf))))
}

// When the file changed here: its modification time may be what an archive says.
async function changeOf(file: string): Promise<number> {
  return (await stat(file)).ctimeMs
}

if (import.meta.main) await buildExamples((line) => process.stdout.write(`${line}\n`))
