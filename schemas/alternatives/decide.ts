import { pointerToken, type Violation } from '../fault.ts'
import { allowsType, fits, placeAt, scoreOf, type Place } from './fit.ts'
import type { Effort } from './shape.ts'
import type { Tag, Union } from './union.ts'

/** Either the alternatives that may be meant, and the place in the data that tells so; or what is wrong with all of them. */
export type Decision =
  { readonly indexes: readonly number[]; readonly by?: string | undefined } | { readonly mismatch: Violation }

/** What a decision needs besides the alternatives. */
export interface Means {
  /** The violation of `oneOf` or `anyOf`. */
  readonly violation: Violation
  /** The violation of an alternative that would be told first. */
  readonly first: (index: number) => Violation | undefined
  readonly effort: Effort
}

interface Known extends Means {
  readonly places: ReadonlyMap<Tag, Place>
  readonly score: (index: number) => number
}

/** The alternatives that are left, and the place in the data that has last ruled some out. */
interface Left {
  readonly candidates: readonly number[]
  readonly by: string | undefined
}

/**
 * Decides which alternatives may be meant. Those remain that take the type of the data, and then those that take its tags,
 * as long as all that remain ask for a tag; the tags that tell most apart come first. In the end those that fit best remain.
 * When none takes a tag, the decision is a violation that tells what the tag may be.
 */
export function decide(union: Union, means: Means): Decision {
  const { violation, effort } = means
  const { data, instancePath } = violation
  const all = [...union.shapes.keys()]
  if (effort.left <= 0) return { indexes: all.slice(0, 1) }
  effort.left -= all.length * (1 + union.tags.length / 4)
  const ofType = all.filter((index) => allowsType(union.shapes[index], data))
  if (ofType.length === 0) return { mismatch: wrongType(union, violation) }

  const places = placesOf(union, data)
  const score = memoized((index) => scoreOf(union, index, { data, places, effort }))
  const known: Known = { ...means, places, score }
  let left: Left = { candidates: ofType, by: ofType.length < all.length ? instancePath : undefined }
  for (const group of Map.groupBy(places, ([{ distinct }]) => distinct).values()) {
    for (const found of group) left = narrow(left, found, instancePath)
    if (left.candidates.length === 1) return { indexes: left.candidates, by: left.by }
    const wrong = group.find(([tag, place]) =>
      left.candidates.every((index) => fits(tag, index, place) === 'wrong'),
    )
    if (wrong !== undefined) return mismatchOf(wrong, left.candidates, known)
  }
  return bestFit(left.candidates, known)
}

function narrow(left: Left, [tag, place]: readonly [Tag, Place], instancePath: string): Left {
  const isCommon = left.candidates.every((index) => tag.allowed.has(index))
  const fitting = isCommon ? left.candidates.filter((index) => fits(tag, index, place) !== 'wrong') : []
  if (fitting.length === 0 || fitting.length === left.candidates.length) return left
  return { candidates: fitting, by: instancePath + pointerOf(tag.path) }
}

/** Decides by how well each alternative fits as a whole. */
function bestFit(candidates: readonly number[], known: Known): Decision {
  const best = bestOf(bestOf(candidates, known.score), (index) => depthOf(known.first(index)))
  for (const [tag, place] of known.places) {
    if ('missing' in place || !best.every((index) => fits(tag, index, place) === 'wrong')) continue
    const wrong = candidates.filter((index) => fits(tag, index, place) === 'wrong')
    const isTaken = candidates.some((index) => fits(tag, index, place) === 'right')
    if (wrong.length > 1 && !isTaken) return mismatchOf([tag, place], wrong, known)
  }
  return { indexes: best }
}

/** The violation that tells what a tag may be. If the alternative that fits best tells it of fewer values, that one is meant. */
function mismatchOf(
  [tag, place]: readonly [Tag, Place],
  candidates: readonly number[],
  known: Known,
): Decision {
  const { violation, score, first } = known
  const wrong = candidates.toSorted((a, b) => score(b) - score(a))
  const [best = 0, second] = wrong
  const isBetter = second === undefined || score(best) > score(second)
  if (isBetter && first(best)?.keyword === 'discriminator') return { indexes: [best] }
  const values = new Map(wrong.flatMap((index) => [...(tag.allowed.get(index)?.values ?? [])]))
  const allowedValues = [...values.values()]
  if ('value' in place) {
    const instancePath = violation.instancePath + pointerOf(tag.path)
    return {
      mismatch: { keyword: 'discriminator', instancePath, params: { allowedValues }, data: place.value },
    }
  }
  const instancePath = violation.instancePath + pointerOf(tag.path.slice(0, place.missing))
  const keyword = place.missing === tag.path.length - 1 ? 'discriminator' : 'required'
  const params = { missingProperty: tag.path[place.missing], allowedValues }
  return { mismatch: { keyword, instancePath, params } }
}

function wrongType({ shapes }: Union, { data, instancePath }: Violation): Violation {
  if (shapes.every(({ values }) => values !== undefined)) {
    const values = new Map(shapes.flatMap((shape) => [...(shape.values ?? [])]))
    return { keyword: 'discriminator', instancePath, params: { allowedValues: [...values.values()] }, data }
  }
  const types = new Set(shapes.flatMap((shape) => [...(shape.types ?? [])]))
  return { keyword: 'type', instancePath, params: { type: [...types] }, data }
}

function placesOf({ tags }: Union, data: unknown): ReadonlyMap<Tag, Place> {
  return new Map(
    tags.flatMap((tag) => {
      const place = placeAt(data, tag.path)
      return place === undefined ? [] : [[tag, place] as const]
    }),
  )
}

/** All of the indexes that have the highest value. */
function bestOf(indexes: readonly number[], value: (index: number) => number): readonly number[] {
  const values = indexes.map(value)
  const highest = Math.max(...values)
  return indexes.filter((_, position) => values[position] === highest)
}

function memoized(value: (index: number) => number): (index: number) => number {
  const known = new Map<number, number>()
  return (index) => {
    const found = known.get(index) ?? value(index)
    known.set(index, found)
    return found
  }
}

function depthOf(violation: Violation | undefined): number {
  return violation === undefined ? 0 : violation.instancePath.split('/').length
}

function pointerOf(path: readonly string[]): string {
  return path.map((name) => `/${pointerToken(name)}`).join('')
}
