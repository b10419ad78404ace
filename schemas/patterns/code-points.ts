/** The code points from the first to the last, both included. */
export type Range = readonly [first: number, last: number]

/** A set of code points: ranges in ascending order, with at least one code point between each two. */
export type CodePoints = readonly Range[]

const LAST = 0x10ffff

/** The set of the code points in any of these ranges, which may overlap and be in any order. */
export function union(ranges: readonly Range[]): CodePoints {
  const merged: Range[] = []
  for (const [first, last] of ranges.toSorted(([a], [b]) => a - b)) {
    const before = merged.pop()
    if (before === undefined) merged.push([first, last])
    else if (first > before[1] + 1) merged.push(before, [first, last])
    else merged.push([before[0], Math.max(before[1], last)])
  }
  return merged
}

/** The set of all code points that are not in this one. */
export function complement(set: CodePoints): CodePoints {
  const firsts = [0, ...set.map(([, last]) => last + 1)]
  return firsts.flatMap((first, index): Range[] => {
    const last = (set[index]?.[0] ?? LAST + 1) - 1
    return first <= last ? [[first, last]] : []
  })
}

/** Where each stretch of a text that has all code points begins. High surrogates end one, so that no pair is made. */
const STRETCHES: readonly Range[] = [
  [0, 0xd7ff],
  [0xd800, 0xdbff],
  [0xdc00, 0xdfff],
  [0xe000, 0xffff],
  [0x10000, LAST],
]

/** Each stretch with its text; made at the first use, some 4 MB. */
let stretches: readonly (readonly [first: number, text: string])[] | undefined

function textOf([first, last]: Range): string {
  const units = Array.from({ length: last - first + 1 }, (_, index) => first + index)
  const parts: string[] = []
  for (let at = 0; at < units.length; at += 4_096)
    parts.push(String.fromCodePoint(...units.slice(at, at + 4_096)))
  return parts.join('')
}

/** The answers of `matchedBy`, and the most that are kept. */
const answers = new Map<string, CodePoints>()
const MOST_ANSWERS = 500

/**
 * The code points that an expression of one character matches, such as `\p{L}` or `(?i:[a-c])`. JavaScript's own engine
 * tries each of them, so that the answer is that of ECMA-262 and of its version of Unicode. Takes some 20 ms
 * for an expression that is new.
 */
export function matchedBy(expression: string): CodePoints {
  const known = answers.get(expression)
  if (known !== undefined) return known
  if (answers.size === MOST_ANSWERS) answers.clear()
  const answer = tryAll(expression)
  answers.set(expression, answer)
  return answer
}

function tryAll(expression: string): CodePoints {
  stretches ??= STRETCHES.map((range) => [range[0], textOf(range)] as const)
  const runs = new RegExp(`(?:${expression})+`, 'gu')
  return union(
    stretches.flatMap(([first, text]) => {
      const unitsEach = first > 0xffff ? 2 : 1
      return Array.from(text.matchAll(runs), ({ index, 0: run }): Range => {
        const from = first + index / unitsEach
        return [from, from + run.length / unitsEach - 1]
      })
    }),
  )
}
