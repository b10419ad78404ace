import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

import { digestOfContents } from './build-record.ts'
import { entryUrl, packageFile, RUNS_FROM_SOURCE } from '../processes/entry-points.ts'

let own: string | undefined

/**
 * The digest of all that decides what the compiler makes of the same sources: its version, its options, and Jobico's own code
 * around it. The SDK is not in it, as it is among the files that the compiler reads.
 */
export function toolDigest(options: { readonly optimize: boolean }): string {
  own ??= digestOfContents([compilerVersion(), ...ownFiles().map((file) => readFileSync(file))].join('\n'))
  return digestOfContents(`${own} ${JSON.stringify(options)}`)
}

function compilerVersion(): string {
  const { version } = createRequire(import.meta.url)('assemblyscript/package.json') as { version: string }
  return version
}

/** In the package that is one file: it names its chunks by their contents. */
function ownFiles(): readonly URL[] {
  if (!RUNS_FROM_SOURCE) return [entryUrl('compiler')]
  const classes = packageFile('scripts/json-classes/')
  const names = readdirSync(classes).filter((name) => !name.endsWith('.test.ts'))
  return [
    ...['scripts/assemblyscript.ts', 'scripts/source-map.ts'].map(packageFile),
    ...names.sort().map((name) => new URL(name, classes)),
  ]
}
