import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { build, type Metafile } from 'esbuild'
import ts from 'typescript'

import { licences } from './bundling/licences.ts'
import { MODULES, PROCESS_ENTRIES, ROOT as root } from './bundling/modules.ts'
import { packagesOf } from './bundling/packages.ts'
import { sbom, SBOM_FILE } from './bundling/sbom.ts'

/**
 * Bundles the entry files into `dist` for the package: Node strips no types under `node_modules`, and a bundle starts
 * faster. The licences of all bundled packages are in dist/licences.txt, a list of them in dist/sbom.cdx.json.
 */

/** The entry files; each is bundled into `dist/<name>.js`. */
const ENTRIES = {
  jobico: 'scripts/jobico.ts',
  compiler: 'scripts/dev/compiler/compiler-worker.ts',
  guest: 'scripts/module-testing/guest-thread.ts',
  testing: 'scripts/module-testing/load-guest.ts',
  'json-classes': 'scripts/json-classes/plugin.ts',
  ...PROCESS_ENTRIES,
}

await rm(join(root, 'dist'), { recursive: true, force: true })
const { metafile } = await build({
  ...MODULES,
  entryPoints: ENTRIES,
  outdir: 'dist',
  // The compiler stays a dependency, because it reads files of its own package.
  external: ['assemblyscript'],
  metafile: true,
})
refuseDynamicCommonJs(metafile)
await writeFile(
  join(root, 'dist', 'testing.d.ts'),
  await declarations('scripts/module-testing/load-guest.ts'),
)
const packages = await packagesOf(root, Object.keys(metafile.inputs))
await writeFile(join(root, 'dist', 'licences.txt'), await licences(root, packages))
await writeFile(join(root, 'dist', SBOM_FILE), await sbom(root, packages))

/**
 * In a bundle, `await import()` of a CommonJS package gives only a default export, unlike in the sources: names of the package
 * would be undefined. Throws for such imports.
 */
function refuseDynamicCommonJs({ inputs }: Metafile): void {
  const wrong = Object.entries(inputs).flatMap(([file, { imports }]) =>
    imports
      .filter(({ kind, path }) => kind === 'dynamic-import' && inputs[path]?.format === 'cjs')
      .map(({ original, path }) => `${file} imports ${original ?? path}`),
  )
  if (wrong.length === 0) return
  throw new Error(
    `a dynamic import of a CommonJS package has no named exports here; import it statically in a file of ours, and that file dynamically: ${wrong.join(', ')}`,
  )
}

/** The type declarations of a file that imports no types of other files. */
async function declarations(file: string): Promise<string> {
  const source = await readFile(join(root, file), 'utf8')
  return ts.transpileDeclaration(source, {
    fileName: file,
    compilerOptions: { target: ts.ScriptTarget.ES2024 },
  }).outputText
}
