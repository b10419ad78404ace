import { hkdfSync, randomBytes } from 'node:crypto'

import { JobicoError } from '../process/errors.ts'
import { nkeyOf, publicKeyOf, type KeyKind, type Nkey } from './nkey.ts'

/** One secret from which keys are derived. */
export interface KeySource {
  /** 32 random bytes, in base64url. */
  readonly secret: string
  /** When it was made, in seconds since the epoch. */
  readonly created: number
}

/** All that an installation has to keep: every key and every token follow from it. */
export interface InstallationKeys {
  /** Names the installation, for ever: the names of its accounts follow from it. No secret. */
  readonly id: string
  /** Signs. */
  readonly current: KeySource
  /** What it has signed is still taken, until a rotation is complete. */
  readonly previous?: KeySource | undefined
}

const SECRET_BYTES = 32

/** Makes the keys of a new installation. */
export function newKeys(now: Date): InstallationKeys {
  return { id: randomBytes(SECRET_BYTES).toString('base64url'), current: newSource(now) }
}

/** The keys after a rotation: new ones sign, and what the ones before have signed is still taken. */
export function rotateKeys({ id, current }: InstallationKeys, now: Date): InstallationKeys {
  return { id, current: newSource(now), previous: current }
}

/** The keys after the second step of a rotation: only what the current ones have signed is taken. Pure. */
export function endRotation({ id, current }: InstallationKeys): InstallationKeys {
  return { id, current }
}

function newSource(now: Date): KeySource {
  return {
    secret: randomBytes(SECRET_BYTES).toString('base64url'),
    created: Math.floor(now.getTime() / 1_000),
  }
}

/** The secrets whose signatures count, the current one first. Pure. */
export function sourcesOf({ current, previous }: InstallationKeys): readonly [KeySource, ...KeySource[]] {
  return previous === undefined ? [current] : [current, previous]
}

/** The key of a purpose. Pure. */
export function deriveKey({ secret }: KeySource, kind: KeyKind, purpose: string): Nkey {
  return nkeyOf(kind, derive(Buffer.from(secret, 'base64url'), `${kind}/${purpose}`))
}

/**
 * The public key by which NATS names an account, and the folder of its streams. Nobody has a private key for it, so a rotation
 * need not change it: the keys that sign for the account are named in its token. Pure.
 */
export function accountKey({ id }: InstallationKeys, account: string): string {
  return publicKeyOf('account', derive(Buffer.from(id, 'base64url'), `account-name/${account}`))
}

function derive(secret: Uint8Array, info: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, '', `jobico/${info}`, SECRET_BYTES))
}

/** The keys as text. Pure. */
export function encodeKeys(keys: InstallationKeys): string {
  return `${JSON.stringify(keys)}\n`
}

/** Reads what encodeKeys wrote. Throws CONFIG_INVALID if it is something else; `place` says in the message where it was. */
export function decodeKeys(text: string, place: string): InstallationKeys {
  try {
    const { id, current, previous } = JSON.parse(text) as Partial<InstallationKeys>
    if (isSecret(id) && isSource(current) && (previous === undefined || isSource(previous)))
      return { id, current, previous }
  } catch {
    // It is not told what is there: it may be secret.
  }
  throw new JobicoError('CONFIG_INVALID', `${place} does not hold the keys of an installation`)
}

function isSource(value: Partial<KeySource> | null | undefined): value is KeySource {
  return isSecret(value?.secret) && Number.isSafeInteger(value.created)
}

function isSecret(value: unknown): value is string {
  return typeof value === 'string' && Buffer.from(value, 'base64url').length === SECRET_BYTES
}
