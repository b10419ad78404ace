/** Collects bytes that come in parts. An empty part costs nothing, so that many of them do no harm. */
export interface ByteBuffer {
  /** The number of bytes. */
  readonly size: number
  add(part: Uint8Array): void
  /** Makes it empty again. */
  clear(): void
  /** The bytes so far; a view that may change with the next part. */
  bytes(): Uint8Array
}

const FIRST_BYTES = 1024

/** Makes an empty buffer. It takes up to twice the memory of its bytes; the caller has to limit them. */
export function byteBuffer(): ByteBuffer {
  let storage = new Uint8Array(FIRST_BYTES)
  let size = 0
  return {
    get size() {
      return size
    },
    add(part) {
      const needed = size + part.length
      if (needed > storage.length) {
        const larger = new Uint8Array(Math.max(needed, storage.length * 2))
        larger.set(storage.subarray(0, size))
        storage = larger
      }
      storage.set(part, size)
      size = needed
    },
    clear() {
      size = 0
    },
    bytes: () => storage.subarray(0, size),
  }
}
