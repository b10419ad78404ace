import { isAlias, isCollection, isPair, isScalar, Lexer, visit, type Document, type YAMLMap } from 'yaml'

/** Many more than the largest files of Jobs have: each line of one has three to five, and a block of text has one. */
const MOST_TOKENS = 500_000
const MOST_ALIASES = 1_000
/** How many values a document may have after each alias is replaced by what it stands for. */
const MOST_VALUES = 200_000

/** Why a text is too large to be read in a short time; undefined if it is not. Pure; it stops at the bound. */
export function textOverBounds(text: string): string | undefined {
  let tokens = 0
  for (const token of new Lexer().lex(text))
    if (token.length > 0 && ++tokens > MOST_TOKENS)
      return `has more than ${count(MOST_TOKENS)} words and signs of YAML; name a YAML file of a Job, or divide it into several files`
  return undefined
}

/**
 * Why the anchors and aliases of a document would take too much time or memory; undefined if they do not. An alias stands for
 * all that its anchor has, other aliases too, so that a few lines can stand for billions of values. Pure.
 */
export function overBounds(document: Document): string | undefined {
  if (!hasAliases(document)) return undefined
  let named = 0
  visit(document, {
    Node: (_key, node) => {
      if (isAlias(node) || node.anchor !== undefined) named++
      return named > MOST_ALIASES ? visit.BREAK : undefined
    },
  })
  if (named > MOST_ALIASES)
    return `has more than ${count(MOST_ALIASES)} anchors (&) and aliases (*); write the values out instead`
  return valuesOf(document.contents, new Map()) > MOST_VALUES
    ? `its aliases (*) stand for more than ${count(MOST_VALUES)} values; write the values out instead`
    : undefined
}

/** The offset of the first key that its mapping has twice; undefined if there is none. Pure. */
export function repeatedKey(document: Document): number | undefined {
  let found: number | undefined
  visit(document, {
    Map: (_key, map) => {
      found = repeatedIn(map)
      return found === undefined ? undefined : visit.BREAK
    },
  })
  return found
}

function repeatedIn({ items }: YAMLMap): number | undefined {
  const seen = new Set<unknown>()
  for (const { key } of items) {
    if (!isScalar(key)) continue
    if (seen.has(key.value)) return key.range?.[0] ?? 0
    seen.add(key.value)
  }
  return undefined
}

function hasAliases(document: Document): boolean {
  let found = false
  visit(document, {
    Alias: () => {
      found = true
      return visit.BREAK
    },
  })
  return found
}

/**
 * Counts the values of a node as if its aliases were written out. `anchors` gets the counts of what has an anchor; until that
 * is known it is infinite, as a node is that has an alias of itself in it.
 */
function valuesOf(node: unknown, anchors: Map<string, number>): number {
  if (isAlias(node)) return anchors.get(node.source) ?? 1
  const { anchor } = (node ?? {}) as { readonly anchor?: string }
  if (anchor !== undefined) anchors.set(anchor, Infinity)
  const parts: readonly unknown[] = isPair(node)
    ? [node.key, node.value]
    : isCollection(node)
      ? node.items
      : []
  const values = parts.reduce<number>((sum, part) => sum + valuesOf(part, anchors), 1)
  if (anchor !== undefined) anchors.set(anchor, values)
  return values
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}
