import { createHash } from 'node:crypto'

/** The name under which bytes, or a text as UTF-8, are kept: `sha256-` and their hexadecimal SHA-256. */
export function digestOf(content: Uint8Array | string): `sha256-${string}` {
  return `sha256-${createHash('sha256').update(content).digest('hex')}`
}

/** Tells whether a name is one that digestOf gives. */
export function isDigest(name: string): name is `sha256-${string}` {
  return /^sha256-[0-9a-f]{64}$/.test(name)
}
