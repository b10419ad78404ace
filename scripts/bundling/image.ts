import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'

import { build, type BuildOptions } from 'esbuild'

import { licences } from './licences.ts'
import { compiledMetaSchemas } from './meta-schemas.ts'
import { lazyModules } from './lazy-modules.ts'
import { packagesOf } from './packages.ts'
import { sbom, SBOM_FILE } from './sbom.ts'

/** The entry points of the image's processes and worker threads; each is started as `<name>.js`. */
export const IMAGE_ENTRIES = {
  operator: 'operator/main.ts',
  'check-main': 'operator/checks/check-main.ts',
  listener: 'functions/listener/main.ts',
  runner: 'functions/runner/main.ts',
  storage: 'functions/storage/main.ts',
  adopt: 'functions/identity/adopt.ts',
  worker: 'functions/runner/workers/worker.ts',
  'check-worker': 'functions/guests/check/check-worker.ts',
}

const COMPILER = { compile: 'scripts/bundling/compile.ts' }

/** The code of `<name>.js`. Without cached data, or with that of another Node, the code is compiled as it runs. */
const STARTER = `const { existsSync, readFileSync } = require('node:fs')
const { Script } = require('node:vm')
const filename = __filename.replace(/js$/, 'code.js')
const cache = filename + '.cache'
const cachedData = existsSync(cache) ? readFileSync(cache) : undefined
const code = new Script(readFileSync(filename, 'latin1'), { filename, cachedData })
code.runInThisContext()(exports, require, module, __filename, __dirname)
`
const WRAPPER = {
  banner: {
    js: `(function (exports, require, module, __filename, __dirname) {
const __fileUrl = require('node:url').pathToFileURL(__filename).href`,
  },
  footer: { js: '})' },
}

/**
 * Processes start faster as CommonJS than as ES modules, where an import of node:http also loads all of fetch. Functions
 * keep their names and lines stay short, so that stack traces are useful.
 */
const OPTIONS = {
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node24',
  supported: { 'dynamic-import': false }, // code in a vm.Script can not import
  define: { 'import.meta.url': '__fileUrl', 'import.meta.dirname': '__dirname' },
  plugins: [compiledMetaSchemas(), lazyModules()],
  minifySyntax: true,
  minifyWhitespace: true,
  lineLimit: 120,
  keepNames: true,
  legalComments: 'none',
  logLevel: 'warning',
} satisfies BuildOptions

/**
 * Empties `folder` and bundles the processes into it. Each has a `<name>.code.js` with all its code, and a `<name>.js` that
 * runs it. Adds the licences, the SBOM, and compile.js, which compiles the code in advance for the Node that runs compile.js.
 */
export async function bundleImage(root: string, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const common = { ...OPTIONS, absWorkingDir: root, outdir: folder }
  const { metafile, outputFiles } = await build({
    ...common,
    ...WRAPPER,
    entryPoints: IMAGE_ENTRIES,
    entryNames: '[name].code',
    metafile: true,
    write: false,
  })
  for (const { path, text } of outputFiles) await writeFile(join(folder, basename(path)), inAscii(text))
  await build({ ...common, entryPoints: COMPILER })
  for (const name of Object.keys(IMAGE_ENTRIES)) await writeFile(join(folder, `${name}.js`), STARTER)
  await writeFile(join(folder, 'package.json'), '{"type":"commonjs"}\n')
  await copyFile(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  const packages = await packagesOf(root, Object.keys(metafile.inputs))
  await writeFile(join(folder, 'licences.txt'), await licences(root, packages))
  await writeFile(join(folder, SBOM_FILE), await sbom(root, packages))
}

/** A single character beyond ASCII would double the memory of all the code. esbuild leaves some in regular expressions. */
function inAscii(text: string): string {
  return text.replace(/[^\0-\x7f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
