import { Ajv, type ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Draft } from './lint.ts'

const metaSchemas: Readonly<Record<Draft, string>> = {
  'draft-07': 'http://json-schema.org/draft-07/schema',
  '2020-12': 'https://json-schema.org/draft/2020-12/schema',
}

const compiled = new Map<Draft, ValidateFunction>()

/**
 * What holds a JSON Schema against its draft; the errors are ajv's, verbose. To compile it takes most of a listener's
 * start, so it is done once, and in bundles ahead of time: there, meta-schema-code.ts makes what stands in for this file.
 */
export function metaValidator(draft: Draft): ValidateFunction {
  const known = compiled.get(draft) ?? compileMetaSchema(draft, false).validate
  compiled.set(draft, known)
  return known
}

/** Compiles the schema of a draft; `keepSource` lets ajv give the code that it made. */
export function compileMetaSchema(
  draft: Draft,
  keepSource: boolean,
): { readonly ajv: Ajv | Ajv2020; readonly validate: ValidateFunction } {
  const options = { strict: false, ownProperties: true, verbose: true, code: { source: keepSource } }
  const ajv = draft === 'draft-07' ? new Ajv(options) : new Ajv2020(options)
  // It compares each with each, which takes seconds for a long enum; `senseFaults` looks for what is there twice.
  ajv.removeKeyword('uniqueItems')
  const validate = ajv.getSchema(metaSchemas[draft])
  if (validate === undefined) throw new Error(`ajv does not know the schema of ${draft}`)
  return { ajv, validate }
}
