import { createHash } from 'node:crypto'

import type { Nkey } from './nkey.ts'

/** What a token says of its subject. */
export interface Claims {
  /** The public key that the token is about. */
  readonly subject: string
  readonly name: string
  /** When it was issued, in seconds since the epoch. */
  readonly issuedAt: number
  /** The claims of NATS: `type`, and what that has. */
  readonly nats: { readonly type: 'operator' | 'account' | 'user' } & Readonly<Record<string, unknown>>
}

const HEADER = { typ: 'JWT', alg: 'ed25519-nkey' }
const VERSION = 2

/** A signed token of NATS (JWT, version 2). Equal claims give equal tokens. Pure. */
export function signToken({ subject, name, issuedAt, nats }: Claims, issuer: Nkey): string {
  const claims = {
    iat: issuedAt,
    iss: issuer.publicKey,
    name,
    sub: subject,
    nats: { ...nats, version: VERSION },
  }
  const jti = createHash('sha256').update(JSON.stringify(claims)).digest('base64url')
  const signed = `${encode(HEADER)}.${encode({ jti, ...claims })}`
  return `${signed}.${issuer.sign(signed).toString('base64url')}`
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
