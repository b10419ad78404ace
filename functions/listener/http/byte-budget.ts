import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import type { JobicoError } from '../../process/errors.ts'

/** Who holds bytes. What it has taken is free again when it emits `close`. */
export type Owner = ServerResponse | Socket

/** A number of bytes that all connections of a listener share. */
export interface ByteBudget {
  /**
   * Takes bytes for an owner. If fewer are left, others that may be evicted lose theirs: first those that hold more than an
   * equal share, the slowest first, then those that are slower than this one. Throws TOO_MANY_REQUESTS if that does not make room.
   */
  take(bytes: number, owner: Owner): void
  /** From now on the owner may lose its bytes to another: `evict` is called then, with what to answer. */
  mayEvict(owner: Owner, evict: (error: JobicoError) => void): void
  /** From now on the owner keeps its bytes. */
  keep(owner: Owner): void
  /** The owner needs its bytes no more. */
  release(owner: Owner): void
}

interface Holding {
  readonly owner: Owner
  bytes: number
  readonly since: number
  evict: ((error: JobicoError) => void) | undefined
}

/** What is freed at least when owners lose their bytes, so that this is not done for each part anew. */
const FREED_SHARE = 1 / 16

/** Makes a budget; `full` makes the error from how many bytes are held, and `now` gives milliseconds. */
export function createByteBudget(
  limit: number,
  full: (held: number) => JobicoError,
  now = () => performance.now(),
): ByteBudget {
  const holdings = new Map<Owner, Holding>()
  /** Owners that are released when they close. */
  const known = new WeakSet<Owner>()
  let taken = 0

  const release = (owner: Owner) => {
    taken -= holdings.get(owner)?.bytes ?? 0
    holdings.delete(owner)
  }
  const holdingOf = (owner: Owner) => {
    const own = holdings.get(owner)
    if (own !== undefined) return own
    const holding: Holding = { owner, bytes: 0, since: now(), evict: undefined }
    holdings.set(owner, holding)
    if (!known.has(owner)) owner.once('close', () => release(owner))
    known.add(owner)
    return holding
  }
  const makeRoom = (missing: number, asking: Holding) => {
    const victims = victimsOf([...holdings.values()], asking, { share: limit / holdings.size, now: now() })
    if (sumOf(victims) < missing) return
    const aim = taken - Math.max(missing, limit * FREED_SHARE)
    for (const { owner, evict } of victims) {
      if (taken <= aim) return
      release(owner)
      evict?.(full(taken))
    }
  }

  return {
    take(bytes, owner) {
      if (owner.destroyed) return
      const holding = holdingOf(owner)
      holding.bytes += bytes
      if (taken + bytes > limit) makeRoom(taken + bytes - limit, holding)
      if (taken + bytes > limit) {
        holding.bytes -= bytes
        throw full(taken)
      }
      taken += bytes
    },
    mayEvict(owner, evict) {
      if (!owner.destroyed) holdingOf(owner).evict = evict
    },
    keep(owner) {
      const holding = holdings.get(owner)
      if (holding !== undefined) holding.evict = undefined
    },
    release,
  }
}

/** Who has to make room, in this order. */
function victimsOf(
  all: readonly Holding[],
  asking: Holding,
  { share, now }: { readonly share: number; readonly now: number },
): readonly Holding[] {
  const rateOf = ({ bytes, since }: Holding) => bytes / (now - since + 1)
  const isLarge = ({ bytes }: Holding) => bytes > share
  const own = rateOf(asking)
  return all
    .filter((each) => each !== asking && each.evict !== undefined && each.bytes > 0)
    .map((holding) => ({ holding, rate: rateOf(holding), large: isLarge(holding) }))
    .filter(({ rate, large }) => rate < own || (large && !isLarge(asking)))
    .sort((a, b) => Number(b.large) - Number(a.large) || a.rate - b.rate)
    .map(({ holding }) => holding)
}

function sumOf(holdings: readonly Holding[]): number {
  return holdings.reduce((sum, { bytes }) => sum + bytes, 0)
}
