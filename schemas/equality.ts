import type { FuncKeywordDefinition, SchemaValidateFunction } from 'ajv'
import type AjvCore from 'ajv/dist/core.js'
import type { DataValidateFunction } from 'ajv/dist/types/index.js'

/** Called with the cost of a comparison, in characters of canonical JSON. */
export type Spend = (characters: number) => void

/**
 * Two JSON values have the same canonical text exactly when they are equal; the order of an object's keys does not matter.
 * Takes linear time in the size of the value, plus the sorting of keys.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join()}}`
}

/**
 * Replaces ajv's `uniqueItems` and `enum`. Those compare each item with every other, and each value with every choice, so
 * one request with many items could block the process for minutes.
 */
export function useLinearEquality(ajv: AjvCore.default, spend: Spend): void {
  ajv.removeKeyword('uniqueItems').addKeyword(uniqueItems(spend))
  ajv.removeKeyword('enum').addKeyword(enumeration(spend))
}

function uniqueItems(spend: Spend): FuncKeywordDefinition {
  const validate: SchemaValidateFunction = (isWanted: boolean, items: readonly unknown[]) => {
    const twice = isWanted ? firstTwice(items, spend) : undefined
    if (twice === undefined) return true
    validate.errors = [{ keyword: 'uniqueItems', params: twice, message: 'must not hold an item twice' }]
    return false
  }
  return { keyword: 'uniqueItems', type: 'array', schemaType: 'boolean', validate }
}

/** The indexes of the first two equal items. */
function firstTwice(
  items: readonly unknown[],
  spend: Spend,
): { readonly i: number; readonly j: number } | undefined {
  const seen: Identities<number> = { primitives: new Map(), composites: new Map() }
  for (const [i, item] of items.entries()) {
    const { among, identity } = identify(seen, item, spend)
    const j = among.get(identity)
    if (j !== undefined) return { i, j }
    among.set(identity, i)
  }
  return undefined
}

function enumeration(spend: Spend): FuncKeywordDefinition {
  return {
    keyword: 'enum',
    schemaType: 'array',
    before: 'const',
    compile(choices: readonly unknown[]) {
      const known: Identities<true> = { primitives: new Map(), composites: new Map() }
      for (const choice of choices) {
        const { among, identity } = identify(known, choice, () => undefined)
        among.set(identity, true)
      }
      const validate: DataValidateFunction = (value: unknown) => {
        if (isComposite(value) && known.composites.size === 0) return refuse()
        const { among, identity } = identify(known, value, spend)
        return among.has(identity) || refuse()
      }
      const refuse = () => {
        validate.errors = [
          { keyword: 'enum', params: { allowedValues: choices }, message: 'must be one of a list' },
        ]
        return false
      }
      return validate
    },
  }
}

/** A map from JSON values. The key is the value itself for primitives, and the canonical text for arrays and objects. */
interface Identities<T> {
  readonly primitives: Map<unknown, T>
  readonly composites: Map<unknown, T>
}

function identify<T>({ primitives, composites }: Identities<T>, value: unknown, spend: Spend) {
  if (!isComposite(value)) return { among: primitives, identity: value }
  const identity = canonicalJson(value)
  spend(identity.length)
  return { among: composites, identity }
}

function isComposite(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
