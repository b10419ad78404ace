import { join } from 'node:path'

import type { Plugin } from 'esbuild'

import { metaSchemaCode } from '../../schemas/meta-schema-code.ts'

/** An esbuild plugin that compiles the meta-schemas once for the bundle, instead of at each start of a process. */
export function compiledMetaSchemas(): Plugin {
  return {
    name: 'compiled-meta-schemas',
    setup({ onLoad }) {
      onLoad({ filter: /[/\\]schemas[/\\]meta-schema\.ts$/ }, ({ path }) => ({
        contents: metaSchemaCode(),
        resolveDir: join(path, '..'),
      }))
    },
  }
}
