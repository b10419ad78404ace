import { createPrivateKey, sign, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'

import type { Authenticator } from '@nats-io/transport-node'

import { JobicoError } from '../process/errors.ts'

/** Where the credentials of a connection are, if it has any. */
export interface CredentialsSource {
  /** Path of a credentials file of NATS. It is read for each connection, so that it can be replaced. */
  readonly credsFile?: string | undefined
  /** The content of such a file, in place of the path; a function is asked for each connection. */
  readonly credentials?: string | (() => string) | undefined
}

/** How a connection proves who it is. */
export interface Authentication {
  readonly authenticator?: Authenticator
  /** The prefix of the only inboxes that the credentials allow. */
  readonly inboxPrefix?: string
}

/** What is in a credentials file. */
export interface Credentials {
  /** The token that says who it is, and what it may do. */
  readonly token: string
  readonly key: KeyObject
}

/**
 * The options of the client that prove who it is; none without credentials. The client's own way takes 30 to 200 ms for a
 * signature, which would be a large part of a cold start. Throws CONFIG_INVALID if the credentials can not be used.
 */
export function authentication(source: CredentialsSource): Authentication {
  const read = reader(source)
  if (read === undefined) return {}
  const prefix = allowedInboxes(read().token)
  const authenticator: Authenticator = (nonce = '') => {
    const { token, key } = read()
    return { jwt: token, nkey: '', sig: sign(null, Buffer.from(nonce), key).toString('base64url') }
  }
  return { authenticator, ...(prefix === undefined ? {} : { inboxPrefix: prefix }) }
}

function reader({ credsFile, credentials }: CredentialsSource): (() => Credentials) | undefined {
  if (typeof credentials === 'function') return () => parseCredentials(credentials(), 'the credentials')
  if (credentials !== undefined) {
    const parsed = parseCredentials(credentials, 'the credentials')
    return () => parsed
  }
  if (credsFile === undefined) return undefined
  let last = readCredentials(credsFile)
  return () => {
    try {
      last = readCredentials(credsFile)
    } catch {
      // The ones before may still be good.
    }
    return last
  }
}

function readCredentials(path: string): Credentials {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new JobicoError('CONFIG_INVALID', `the credentials of NATS can not be read: ${why}`, { cause })
  }
  return parseCredentials(text, path)
}

const TOKEN = /^-+BEGIN NATS USER JWT-+\s+(eyJ[\w-]*\.[\w-]+\.[\w-]+)\s+-+END NATS USER JWT-+\s*$/m
const SEED = /^-+BEGIN USER NKEY SEED-+\s+(SU[A-Z2-7]{56})\s+-+END USER NKEY SEED-+\s*$/m

/** Reads a credentials file of NATS. Throws CONFIG_INVALID, which names the `place` and tells nothing of the content. Pure. */
export function parseCredentials(text: string, place: string): Credentials {
  const [token, seed] = [TOKEN, SEED].map((part) => part.exec(text)?.[1])
  if (token !== undefined && seed !== undefined) return { token, key: keyOfSeed(seed) }
  throw new JobicoError(
    'CONFIG_INVALID',
    `${place}: not the credentials of a NATS user, which have a token and a seed between lines of dashes`,
  )
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
/** What stands before the 32 bytes of a private Ed25519 key in PKCS #8 (RFC 8410). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The key of a seed: two bytes for its kind, the key's 32, and two of a checksum, in base32. */
function keyOfSeed(seed: string): KeyObject {
  const bits = Array.from(seed, (letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const bytes = Buffer.from(bits.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? [])
  return privateKeyOf(bytes.subarray(2, 34))
}

/** The private Ed25519 key of 32 secret bytes. Pure. */
export function privateKeyOf(secret: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, secret]), format: 'der', type: 'pkcs8' })
}

const INBOXES = /^(_INBOX[^.*>]*(?:\.[^.*>]+)*)\.>$/

/** The prefix of the inboxes to which a token allows to subscribe; undefined if it names none. Pure. */
export function allowedInboxes(token: string): string | undefined {
  try {
    const { nats } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as UserClaims
    const allowed = nats?.sub?.allow ?? []
    return allowed.map((subject) => INBOXES.exec(subject)?.[1]).find((prefix) => prefix !== undefined)
  } catch {
    return undefined
  }
}

interface UserClaims {
  readonly nats?: { readonly sub?: { readonly allow?: readonly string[] } }
}
