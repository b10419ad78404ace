import { builtinModules } from 'node:module'

import type { Plugin } from 'esbuild'

const NODE_MODULE = new RegExp(`^(node:)?(${builtinModules.join('|')})$`)

/**
 * Makes a bundle load the modules of Node by `require`. An `import` of one reads all its exports, among them those that load
 * further parts of Node when they are first read: with `node:http` that is all of undici, 45 ms of CPU for each process.
 */
export function nodeModulesByRequire(): Plugin {
  return {
    name: 'node-modules-by-require',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: NODE_MODULE }, ({ kind, path, namespace }) =>
        kind === 'import-statement' && namespace !== 'node-module'
          ? { path, namespace: 'node-module' }
          : undefined,
      )
      onLoad({ filter: /.*/, namespace: 'node-module' }, ({ path }) => ({
        contents: `module.exports = require(${JSON.stringify(path)})`,
      }))
    },
  }
}
