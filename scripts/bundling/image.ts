import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { build } from 'esbuild'

import { lazyModules } from './lazy-modules.ts'
import { licences } from './licences.ts'
import { compiledMetaSchemas } from './meta-schemas.ts'

/** The files of the image, each the whole code of a process, of a thread beside it, or of the image's last building step. */
export const IMAGE_ENTRIES = {
  operator: 'operator/main.ts',
  'schema-worker': 'operator/schema-worker.ts',
  listener: 'functions/listener/main.ts',
  runner: 'functions/runner/main.ts',
  worker: 'functions/runner/worker.ts',
  warm: 'scripts/bundling/warm.ts',
}

// CommonJS knows no import.meta.
const BANNER = `const __fileUrl = require('node:url').pathToFileURL(__filename).href`

/**
 * Bundles the processes into `folder`, which is emptied first: one file each, and their licences. As CommonJS they
 * start faster than as modules: an import of node:http would load all of fetch with it.
 */
export async function bundleImage(root: string, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: IMAGE_ENTRIES,
    outdir: folder,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    define: { 'import.meta.url': '__fileUrl', 'import.meta.dirname': '__dirname' },
    banner: { js: BANNER },
    plugins: [compiledMetaSchemas(), lazyModules()],
    // Less to read at each start. Stack traces keep the names of functions, and lines to look at.
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 120,
    keepNames: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  })
  await writeFile(join(folder, 'package.json'), '{"type":"commonjs"}\n')
  await writeFile(join(folder, 'licences.txt'), await licences(root, Object.keys(metafile.inputs)))
}
