import standaloneCode from 'ajv/dist/standalone/index.js'
import { compileMetaSchema } from './meta-schema.ts'
import type { Draft } from './lint.ts'

const drafts: readonly Draft[] = ['draft-07', '2020-12']

/** The JavaScript of a module that exports the `metaValidator` of meta-schema.ts with its validators already compiled. */
export function metaSchemaCode(): string {
  const loaders = drafts.map(
    (draft) => `${JSON.stringify(draft)}(module) {\n${moduleOf(draft)}\nreturn module.exports\n}`,
  )
  return `const loaders = {\n${loaders.join(',\n')}\n}
export const metaValidator = (draft) => loaders[draft]({})
`
}

function moduleOf(draft: Draft): string {
  const { ajv, validate } = compileMetaSchema(draft, true)
  return standaloneCode.default(ajv, validate)
}
