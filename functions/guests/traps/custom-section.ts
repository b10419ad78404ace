import { cursorOver, joined, lebOf } from '../check/bytes.ts'

const HEADER_BYTES = 8 // magic and version
const CUSTOM = 0

/** A custom section, its header included. */
export function customSection(name: string, content: Uint8Array): Uint8Array<ArrayBuffer> {
  const body = sized(joined([sized(Buffer.from(name)), content]))
  return joined([Uint8Array.of(CUSTOM), body])
}

/** A copy of a module that has one custom section of that name, at its end, or without `content` none. MODULE_INVALID where it is broken. */
export function withCustomSection(
  bytes: Uint8Array,
  name: string,
  content: Uint8Array | undefined,
): Uint8Array<ArrayBuffer> {
  const kept = [bytes.subarray(0, HEADER_BYTES)]
  const cursor = cursorOver(bytes, HEADER_BYTES, bytes.length)
  while (cursor.offset < cursor.end) {
    const start = cursor.offset
    const id = cursor.byte('the id of a section')
    const body = cursor.part(cursor.u32('the length of a section'), `section ${id}`)
    const replaced = id === CUSTOM && body.name('the name of a section') === name
    if (!replaced) kept.push(bytes.subarray(start, cursor.offset))
  }
  if (content) kept.push(customSection(name, content))
  return joined(kept)
}

/** Bytes with their number before them, as names and texts are written. */
export function sized(content: Uint8Array): Uint8Array<ArrayBuffer> {
  return joined([Uint8Array.from(lebOf(content.length)), content])
}
