import type { ServerResponse } from 'node:http'

import type { JobicoError } from '../../process/errors.ts'

/** A number of bytes that all exchanges share. What an exchange has taken is free again when it is over. */
export interface ByteBudget {
  /**
   * Takes bytes for an exchange. If fewer are left, exchanges that are still arriving, more slowly than this one, lose theirs.
   * Throws TOO_MANY_REQUESTS if that does not make room.
   */
  take(bytes: number, response: ServerResponse): void
  /** An exchange is arriving: `evict` is called, with what to answer, if it loses its bytes. */
  arriving(response: ServerResponse, evict: (error: JobicoError) => void): void
  /** An exchange has arrived, and keeps its bytes. */
  arrived(response: ServerResponse): void
  /** An exchange needs its bytes no more. */
  release(response: ServerResponse): void
}

/** An exchange that holds bytes. */
interface Holder {
  bytes: number
  readonly since: number
  evict: ((error: JobicoError) => void) | undefined
}

/** What is freed at least when exchanges lose their bytes, so that this is not done for each part anew. */
const FREED_SHARE = 1 / 16

/** Makes a budget; `full` makes the error from how many bytes are held. */
export function createByteBudget(limit: number, full: (held: number) => JobicoError): ByteBudget {
  const holders = new Map<ServerResponse, Holder>()
  let taken = 0

  const release = (response: ServerResponse) => {
    taken -= holders.get(response)?.bytes ?? 0
    holders.delete(response)
  }
  const holderOf = (response: ServerResponse) => {
    const known = holders.get(response)
    if (known !== undefined) return known
    const holder: Holder = { bytes: 0, since: performance.now(), evict: undefined }
    holders.set(response, holder)
    response.once('close', () => release(response))
    return holder
  }
  const makeRoom = (bytes: number, asking: Holder) => {
    const now = performance.now()
    const rate = ({ bytes: held, since }: Holder) => held / (now - since + 1)
    const slower = [...holders]
      .filter(([, { evict, bytes: held }]) => evict !== undefined && held > 0)
      .map(([response, holder]) => ({ response, holder, rate: rate(holder) }))
      .filter((each) => each.rate < rate(asking) && each.holder !== asking)
      .sort((a, b) => a.rate - b.rate)
    const aim = taken - Math.max(taken + bytes - limit, limit * FREED_SHARE)
    for (const { response, holder } of slower) {
      if (taken <= aim) return
      taken -= holder.bytes
      holder.bytes = 0
      holder.evict?.(full(taken))
      holders.delete(response)
    }
  }

  return {
    take(bytes, response) {
      if (response.destroyed) return
      const holder = holderOf(response)
      holder.bytes += bytes
      if (taken + bytes > limit) makeRoom(bytes, holder)
      if (taken + bytes > limit) {
        holder.bytes -= bytes
        throw full(taken)
      }
      taken += bytes
    },
    arriving(response, evict) {
      if (!response.destroyed) holderOf(response).evict = evict
    },
    arrived(response) {
      const holder = holders.get(response)
      if (holder !== undefined) holder.evict = undefined
    },
    release,
  }
}
