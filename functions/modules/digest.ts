import { createHash } from 'node:crypto'

/** The digest of bytes, or of a text in UTF-8: `sha256-` and their SHA-256 in hexadecimal. */
export function digestOf(content: Uint8Array | string): `sha256-${string}` {
  return `sha256-${createHash('sha256').update(content).digest('hex')}`
}

/** Tells whether a name has the form of a digest. */
export function isDigest(name: string): name is `sha256-${string}` {
  return /^sha256-[0-9a-f]{64}$/.test(name)
}
