import { join } from 'node:path'

import type { BuildOptions } from 'esbuild'

import { lazyModules } from './lazy-modules.ts'
import { compiledMetaSchemas } from './meta-schemas.ts'
import { nodeModulesByRequire } from './node-modules-by-require.ts'

/** The root of the repository. */
export const ROOT = join(import.meta.dirname, '..', '..')

/** The processes of events and their worker threads; each is bundled into `<name>.js`. */
export const PROCESS_ENTRIES = {
  listener: 'functions/listener/main.ts',
  runner: 'functions/runner/main.ts',
  'standby-runner': 'functions/runner/standby.ts',
  worker: 'functions/runner/workers/worker.ts',
  'check-worker': 'functions/guests/check/check-worker.ts',
}

// CommonJS packages inside a module call require for the modules of Node.
const BANNER = `import { createRequire as __createRequire } from 'node:module'
const require = __createRequire(import.meta.url)`

/** How sources are bundled into modules that Node 22.19 or later runs. */
export const MODULES = {
  absWorkingDir: ROOT,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.19',
  banner: { js: BANNER },
  plugins: [compiledMetaSchemas(), lazyModules(), nodeModulesByRequire()],
  minifySyntax: true,
  minifyWhitespace: true,
  lineLimit: 120,
  keepNames: true,
  logLevel: 'warning',
} satisfies BuildOptions
