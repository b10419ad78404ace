import { createPublicKey, sign } from 'node:crypto'

import { privateKeyOf } from '../jetstream/credentials.ts'

/** What a key of NATS stands for; the first letter of its public form. */
export type KeyKind = 'operator' | 'account' | 'user'

/** An Ed25519 key in the forms that NATS uses (nkeys). */
export interface Nkey {
  /** Such as `UA…`; may be known to everybody. */
  readonly publicKey: string
  /** Such as `SUA…`; whoever has it can sign. */
  readonly seed: string
  sign(text: string): Buffer
}

const PREFIXES: Readonly<Record<KeyKind, number>> = { operator: 14 << 3, account: 0, user: 20 << 3 }
const SEED_PREFIX = 18 << 3
const KEY_BYTES = 32

/** The key that belongs to 32 secret bytes. Pure. */
export function nkeyOf(kind: KeyKind, secret: Uint8Array): Nkey {
  if (secret.length !== KEY_BYTES) throw new RangeError(`a key has ${KEY_BYTES} bytes, not ${secret.length}`)
  const key = privateKeyOf(secret)
  const prefix = PREFIXES[kind]
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' })
  return {
    publicKey: publicKeyOf(kind, Buffer.from(x, 'base64url')),
    // The prefix of the kind goes into the five low bits of the first byte, and the three high ones of the second.
    seed: encode([SEED_PREFIX | (prefix >> 5), (prefix & 31) << 3], secret),
    sign: (text) => sign(null, Buffer.from(text), key),
  }
}

/** The public form of 32 bytes as a public key. Pure. */
export function publicKeyOf(kind: KeyKind, bytes: Uint8Array): string {
  return encode([PREFIXES[kind]], bytes)
}

function encode(head: readonly number[], bytes: Uint8Array): string {
  const body = Buffer.concat([Buffer.from(head), bytes])
  const check = Buffer.alloc(2)
  check.writeUInt16LE(crc16(body))
  return base32(Buffer.concat([body, check]))
}

/** CRC-16/XMODEM. */
function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff
  }
  return crc
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

function base32(bytes: Uint8Array): string {
  let [text, value, bits] = ['', 0, 0]
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff
    bits += 8
    for (; bits >= 5; bits -= 5) text += BASE32.charAt((value >>> (bits - 5)) & 31)
  }
  return bits === 0 ? text : text + BASE32.charAt((value << (5 - bits)) & 31)
}
