import { ERRNO } from './preview1-types.ts'

// The layout of `subscription` and `event` in WASI preview 1.
const SUBSCRIPTION = { size: 48, tag: 8, clock: 16, timeout: 24, flags: 40 } as const
const EVENT = { size: 32, error: 8, type: 10 } as const
const CLOCK_TAG = 0
const REALTIME = 0
const ABSOLUTE = 1
const MOST_SUBSCRIPTIONS = 1024
const NS_PER_MS = 1_000_000n

interface Subscription {
  readonly userdata: bigint
  readonly tag: number
  /** In how many ms it is due; 0 for streams, which are always ready. */
  readonly inMs: number
}

const never = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))

/**
 * `poll_oneoff(subscriptions, events, count, eventCount)` of WASI preview 1: waits for the first of some clock
 * subscriptions, without using the CPU. Terminating the thread ends the wait. Standard streams are always ready. Gives an
 * errno.
 */
export function pollOneoff(
  { buffer }: WebAssembly.Memory,
  [subscriptions = 0, events = 0, count = 0, eventCount = 0]: readonly number[],
): number {
  if (count === 0 || count > MOST_SUBSCRIPTIONS) return ERRNO.invalid
  const view = new DataView(buffer)
  const waited = Array.from({ length: count }, (_, index) =>
    read(view, subscriptions + index * SUBSCRIPTION.size),
  )
  const firstMs = Math.min(...waited.map(({ inMs }) => inMs))
  if (firstMs > 0) Atomics.wait(never, 0, 0, firstMs)
  const due = waited.filter(({ inMs }) => inMs <= firstMs)
  due.forEach((each, index) => write(view, events + index * EVENT.size, each))
  view.setUint32(eventCount, due.length, true)
  return ERRNO.success
}

function read(view: DataView, at: number): Subscription {
  const tag = view.getUint8(at + SUBSCRIPTION.tag)
  const userdata = view.getBigUint64(at, true)
  if (tag !== CLOCK_TAG) return { userdata, tag, inMs: 0 }
  const timeoutMs = Number(view.getBigUint64(at + SUBSCRIPTION.timeout, true) / NS_PER_MS)
  const isAbsolute = (view.getUint16(at + SUBSCRIPTION.flags, true) & ABSOLUTE) !== 0
  const now = view.getUint32(at + SUBSCRIPTION.clock, true) === REALTIME ? Date.now() : performance.now()
  return { userdata, tag, inMs: Math.max(0, isAbsolute ? timeoutMs - now : timeoutMs) }
}

function write(view: DataView, at: number, { userdata, tag }: Subscription): void {
  new Uint8Array(view.buffer, at, EVENT.size).fill(0)
  view.setBigUint64(at, userdata, true)
  view.setUint16(at + EVENT.error, ERRNO.success, true)
  view.setUint8(at + EVENT.type, tag)
}
