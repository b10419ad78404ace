/** Blank, quotation mark, percent sign, and every character that is not printable ASCII. */
const TO_ENCODE = /[^\x21\x23\x24\x26-\x7e]+/gu
const TRIPLET = /^[0-9A-Fa-f]{2}$/

/**
 * Encodes a header's value as the HTTP and NATS bindings of CloudEvents 1.0 say (section "Header Values"): blanks, quotation
 * marks, percent signs and all that is not printable ASCII become percent-encoded UTF-8.
 */
export function percentEncode(value: string): string {
  return value.replace(TO_ENCODE, (run) => encodeURIComponent(run))
}

/** Decodes what percentEncode gives; undefined if a triplet is broken or the bytes are not UTF-8. */
export function percentDecode(value: string): string | undefined {
  if (!value.includes('%')) return value
  const triplets = value.split('%').slice(1)
  if (!triplets.every((part) => TRIPLET.test(part.slice(0, 2)))) return undefined
  try {
    return decodeURIComponent(value)
  } catch {
    return undefined
  }
}
