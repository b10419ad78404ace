import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'

/**
 * Bundles the entry files into `dist`, for the packed package and images: Node strips no types under `node_modules`, and
 * a bundle starts faster. What is bundled comes with its licences, in dist/licences.txt.
 */

const root = fileURLToPath(new URL('..', import.meta.url))

/** Each becomes `dist/<name>.js`; a file that is not there yet is no part of the package. */
const ENTRIES = {
  jobico: 'scripts/jobico.ts',
  compiler: 'scripts/dev/compiler-worker.ts',
  listener: 'functions/listener/main.ts',
  runner: 'functions/runner/main.ts',
  worker: 'functions/runner/worker.ts',
}
const LICENCE_FILE = /^(licen[cs]e|copying|notice)(\.(md|txt))?$/i
const PACKAGE_FOLDER = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//

// CommonJS packages inside a module call require for the modules of Node.
const BANNER = `import { createRequire as __createRequire } from 'node:module'
const require = __createRequire(import.meta.url)`

await rm(join(root, 'dist'), { recursive: true, force: true })
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ENTRIES,
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.19',
  // The compiler is a dependency: it brings files of its own, which it reads.
  external: ['assemblyscript'],
  banner: { js: BANNER },
  keepNames: true,
  metafile: true,
  logLevel: 'warning',
})
await writeFile(join(root, 'dist', 'licences.txt'), await licences(Object.keys(metafile.inputs)))

/** The licences of all packages that files come from. */
async function licences(files: readonly string[]): Promise<string> {
  const folders = new Set(
    files.map((file) => PACKAGE_FOLDER.exec(file)?.[1]).filter((folder) => folder !== undefined),
  )
  const texts = await Promise.all([...folders].sort().map(licenceOf))
  return texts.join(`\n${'-'.repeat(80)}\n\n`)
}

async function licenceOf(folder: string): Promise<string> {
  const path = join(root, folder)
  const { name, version, license } = JSON.parse(await readFile(join(path, 'package.json'), 'utf8')) as Record<
    string,
    string
  >
  const files = (await readdir(path)).filter((file) => LICENCE_FILE.test(file)).sort()
  const texts = await Promise.all(files.map((file) => readFile(join(path, file), 'utf8')))
  return `${name ?? folder} ${version ?? ''} (${license ?? 'licence unknown'})\n\n${texts.join('\n').trim()}\n`
}
