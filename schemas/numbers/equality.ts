import { canonical, decimalOf, isExactNumber } from '../../functions/cloudevents/exact-number.ts'

/** Called with the cost of a comparison, in characters of canonical JSON. */
export type Spend = (characters: number) => void

/**
 * Two JSON values have the same canonical text exactly when they are equal; the order of an object's keys does not matter.
 * Takes linear time in the size of the value, plus the sorting of keys.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  // No double has such a text: each that it could equal would be a double itself.
  if (isExactNumber(value)) return canonical(decimalOf(value.rawJSON))
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join()}}`
}

/** The indexes of the first two equal items. */
export function firstTwice(
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

/** Returns a function that tells whether a value is among these; it takes no longer if they are many. */
export function membership(choices: readonly unknown[], spend: Spend): (value: unknown) => boolean {
  const known: Identities<true> = { primitives: new Map(), composites: new Map() }
  for (const choice of choices) {
    const { among, identity } = identify(known, choice, () => undefined)
    among.set(identity, true)
  }
  return (value) => {
    if (isComposite(value) && known.composites.size === 0) return false
    const { among, identity } = identify(known, value, spend)
    return among.has(identity)
  }
}

/**
 * A map from JSON values. The key is the value itself for primitives, and the canonical text for arrays, objects and numbers
 * that are no double.
 */
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
