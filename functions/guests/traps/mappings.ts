/** Called with a mapping: code from `offset` on comes from this place, counted from 0, or `source` is -1. True ends. */
export type Visit = (offset: number, source: number, line: number, column: number) => boolean | undefined

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const VALUES = Int8Array.from({ length: 128 }, (_, code) => DIGITS.indexOf(String.fromCharCode(code)))
const CONTINUES = 32
const MOST_SHIFT = 30 // numbers have at most 32 bits
const COMMA = 44
const FIELDS = [0, 1, 4, 5] // allowed numbers of fields: none, an offset, a place, a place with a name

/**
 * Reads the `mappings` of the source map of a module, which are all on one line, in order, until `visit` returns true. Takes
 * linear time and constant memory. Throws a SyntaxError when they are malformed.
 */
export function readMappings(mappings: string, visit: Visit): void {
  const reader = readerOf(mappings)
  const sums = [0, 0, 0, 0, 0]
  while (!reader.ended()) {
    const fields = reader.addTo(sums)
    const [offset = 0, source = 0, line = 0, column = 0] = sums
    if (fields > 0 && visit(offset, fields > 1 ? source : -1, line, column)) return
  }
}

function readerOf(text: string) {
  const newline = text.indexOf(';')
  const end = newline === -1 ? text.length : newline
  let at = 0

  function number(): number {
    let value = 0
    for (let shift = 0; shift <= MOST_SHIFT && at < end; shift += 5, at += 1) {
      const digit = VALUES[text.charCodeAt(at)] ?? -1
      if (digit < 0) break
      value += (digit % CONTINUES) * 2 ** shift // not <<, which would wrap at 32 bits
      if (digit >= CONTINUES) continue
      at += 1
      return value % 2 === 1 ? -Math.floor(value / 2) : value / 2
    }
    throw new SyntaxError(`the mappings are malformed at ${at}`)
  }

  return {
    ended: () => at >= end,
    /** Adds the fields of the next mapping to the sums of the earlier ones; gives the number of fields. */
    addTo(sums: number[]): number {
      let fields = 0
      for (; at < end && text.charCodeAt(at) !== COMMA; fields += 1) {
        const difference = number()
        sums[fields] = (sums[fields] ?? 0) + difference
      }
      at += 1
      if (!FIELDS.includes(fields)) throw new SyntaxError(`a mapping before ${at} has ${fields} fields`)
      return fields
    },
  }
}

/** Encodes mappings; each is an offset alone, or offset, source, line and column. */
export function writeMappings(segments: Iterable<readonly number[]>): string {
  const sums = [0, 0, 0, 0]
  const written: string[] = []
  for (const segment of segments) {
    written.push(segment.map((value, field) => digitsOf(value - (sums[field] ?? 0))).join(''))
    for (const [field, value] of segment.entries()) sums[field] = value
  }
  return written.join(',')
}

function digitsOf(value: number): string {
  let rest = Math.abs(value) * 2 + (value < 0 ? 1 : 0)
  let digits = ''
  do {
    const more = rest >= CONTINUES ? CONTINUES : 0
    digits += DIGITS.charAt((rest % CONTINUES) + more)
    rest = Math.floor(rest / CONTINUES)
  } while (rest > 0)
  return digits
}
