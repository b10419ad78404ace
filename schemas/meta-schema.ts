import { Ajv, type ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Draft } from './lint.ts'

const metaSchemas: Readonly<Record<Draft, string>> = {
  'draft-07': 'http://json-schema.org/draft-07/schema',
  '2020-12': 'https://json-schema.org/draft/2020-12/schema',
}

const compiled = new Map<Draft, ValidateFunction>()

/**
 * The validator of JSON Schemas of a draft; its errors are ajv's, verbose. Compiling it takes most of the time that a
 * listener needs to start, so it is compiled once. In bundles it is compiled ahead of time: meta-schema-code.ts makes the
 * module that replaces this file.
 */
export function metaValidator(draft: Draft): ValidateFunction {
  const known = compiled.get(draft) ?? compileMetaSchema(draft, false).validate
  compiled.set(draft, known)
  return known
}

/** Compiles the meta-schema of a draft. With `keepSource`, ajv keeps the generated code for `standaloneCode`. */
export function compileMetaSchema(
  draft: Draft,
  keepSource: boolean,
): { readonly ajv: Ajv | Ajv2020; readonly validate: ValidateFunction } {
  const options = { strict: false, ownProperties: true, verbose: true, code: { source: keepSource } }
  const ajv = draft === 'draft-07' ? new Ajv(options) : new Ajv2020(options)
  // ajv's uniqueItems compares each item with every other, which takes seconds for a long enum. `lintFaults` finds repeats.
  ajv.removeKeyword('uniqueItems')
  const validate = ajv.getSchema(metaSchemas[draft])
  if (validate === undefined) throw new Error(`ajv does not know the schema of ${draft}`)
  return { ajv, validate }
}
