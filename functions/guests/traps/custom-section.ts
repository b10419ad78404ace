import { cursorOver, joined, lebOf } from '../check/bytes.ts'

const HEADER_BYTES = 8 // magic and version
const CUSTOM = 0

/** A custom section, including its header. */
export function customSection(name: string, content: Uint8Array): Uint8Array<ArrayBuffer> {
  const body = sized(joined([sized(Buffer.from(name)), content]))
  return joined([Uint8Array.of(CUSTOM), body])
}

/** A copy of a module without custom sections of that name; `content` is added as one at its end. Throws MODULE_INVALID. */
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

/** The bytes, preceded by their number in LEB128: the encoding of names and vectors. */
export function sized(content: Uint8Array): Uint8Array<ArrayBuffer> {
  return joined([Uint8Array.from(lebOf(content.length)), content])
}
