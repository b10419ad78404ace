/** Bytes that come in parts. A part costs no more than its bytes, whatever its size: many may be empty. */
export interface ByteBuffer {
  /** How many bytes it has. */
  readonly size: number
  add(part: Uint8Array): void
  /** What came until now. It may change with the next part. */
  bytes(): Uint8Array
}

const FIRST_BYTES = 1024

/** An empty buffer. It takes up to twice the bytes that it has; whoever adds to it sets a limit. */
export function byteBuffer(): ByteBuffer {
  let room = new Uint8Array(FIRST_BYTES)
  let size = 0
  return {
    get size() {
      return size
    },
    add(part) {
      const needed = size + part.length
      if (needed > room.length) {
        const larger = new Uint8Array(Math.max(needed, room.length * 2))
        larger.set(room.subarray(0, size))
        room = larger
      }
      room.set(part, size)
      size = needed
    },
    bytes: () => room.subarray(0, size),
  }
}
