import { join } from 'node:path'

import type { Plugin } from 'esbuild'

import { metaSchemaCode } from '../../schemas/meta-schema-code.ts'

/** Compiles the schemas of JSON Schema's drafts when the bundle is made, and not whenever a process starts. */
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
