import { _, Name, type KeywordCxt } from 'ajv'
import type AjvCore from 'ajv/dist/core.js'
import type { AddedKeywordDefinition, CodeKeywordDefinition } from 'ajv/dist/types/index.js'

import type { Violation } from '../fault.ts'

/** ajv's names for the violations so far, and for how many they are; both are variables of each function it generates. */
const VIOLATIONS = new Name('vErrors')
const COUNT = new Name('errors')

/**
 * Makes `oneOf` and `anyOf` report one violation when no alternative matches. What each alternative violates goes into its
 * parameter `alternatives`, so that `choose.ts` can choose whose faults are told. Also makes `contains` report its own
 * violation without those of each item, and `if` one after that of its branch. Whether data matches stays as ajv says.
 */
export function recordAlternatives(ajv: AjvCore.default): void {
  for (const keyword of ['oneOf', 'anyOf']) redefine(ajv, keyword, recording)
  redefine(ajv, 'if', (definition) => ({
    ...definition,
    code(cxt) {
      const subschema = cxt.subschema.bind(cxt)
      // A branch would return at once, without the violation of `if`, which choose.ts needs.
      cxt.subschema = (applied, valid) => subschema({ ...applied, compositeRule: true }, valid)
      definition.code(cxt)
    },
  }))
  redefine(ajv, 'contains', (definition) => ({
    ...definition,
    code(cxt) {
      const error = cxt.error.bind(cxt)
      cxt.error = (...args) => {
        cxt.reset()
        error(...args)
      }
      definition.code(cxt)
    },
  }))
}

type Code = CodeKeywordDefinition & AddedKeywordDefinition

/** Changes a definition in its place: a keyword that is removed and added again would come later than others. */
function redefine(ajv: AjvCore.default, keyword: string, change: (definition: Code) => Code): void {
  const rule = ajv.RULES.all[keyword]
  if (typeof rule !== 'object') throw new Error(`ajv has no keyword ${keyword}`)
  rule.definition = change(rule.definition as Code)
}

function recording(definition: Code): Code {
  return {
    ...definition,
    error: {
      message: 'must match an alternative',
      params: ({ params }) =>
        _`{passingSchemas: ${params['passing'] ?? null}, alternatives: ${params['alternatives'] ?? null}}`,
    },
    code(cxt) {
      if (cxt.it.createErrors !== false) recordEnds(cxt)
      definition.code(cxt)
    },
  }
}

function recordEnds(cxt: KeywordCxt): void {
  const { gen } = cxt
  const ends = gen.const('ends', _`[]`)
  const subschema = cxt.subschema.bind(cxt)
  cxt.subschema = (applied, valid) => {
    const result = subschema(applied, valid)
    gen.code(_`${ends}.push(${COUNT})`)
    return result
  }
  const error = cxt.error.bind(cxt)
  cxt.error = (...args) => {
    const split = gen.scopeValue('func', { ref: splitAt })
    const alternatives = gen.const('alternatives', _`${split}(${VIOLATIONS}, ${cxt.errsCount}, ${ends})`)
    cxt.reset()
    cxt.setParams({ ...cxt.params, alternatives })
    error(...args)
  }
}

/** Splits the violations from `start` on into those of each alternative. */
function splitAt(
  violations: readonly Violation[] | null,
  start: number,
  ends: readonly number[],
): Violation[][] {
  return ends.map((end, index) => violations?.slice(ends[index - 1] ?? start, end) ?? [])
}
