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
  /** In a rotation: signs once all servers take what it signs. */
  readonly next?: KeySource | undefined
  /** In a rotation: what it has signed is still taken. */
  readonly previous?: KeySource | undefined
  /** When the keys last changed, in seconds since the epoch; by default when the current one was made. */
  readonly changed?: number | undefined
}

const SECRET_BYTES = 32

/** Makes the keys of an installation: a new one, or the one with that id, whose earlier keys are lost. */
export function newKeys(now: Date, id = randomBytes(SECRET_BYTES).toString('base64url')): InstallationKeys {
  return { id, current: newSource(now) }
}

/** The first step of a rotation: there is a new key, and servers that are started from now on take what it signs. */
export function beginRotation(keys: InstallationKeys, now: Date): InstallationKeys {
  const { id, current } = keys
  return { id, current, next: newSource(now), changed: changedAt(keys, now) }
}

/** The second step, when all servers were started anew: the new key signs. Pure. */
export function switchKeys(keys: InstallationKeys, now: Date): InstallationKeys {
  const { id, current, next } = keys
  return next === undefined ? keys : { id, current: next, previous: current, changed: changedAt(keys, now) }
}

/** The keys as if the next one were the only one; undefined without a next one. Pure. */
export function nextAlone({ id, next }: InstallationKeys): InstallationKeys | undefined {
  return next && { id, current: next }
}

/** The last step: only what the new key has signed is taken. Pure. */
export function endRotation(keys: InstallationKeys, now: Date): InstallationKeys {
  const { id, current } = keys
  return { id, current, changed: changedAt(keys, now) }
}

/** Later than the last change: of two tokens of an account, servers keep the one that was issued later. */
function changedAt(keys: InstallationKeys, now: Date): number {
  return Math.max(secondsOf(now), issuedAt(keys) + 1)
}

/** When the tokens of accounts are issued, in seconds since the epoch. Pure. */
export function issuedAt({ changed, current }: InstallationKeys): number {
  return changed ?? current.created
}

function newSource(now: Date): KeySource {
  return {
    secret: randomBytes(SECRET_BYTES).toString('base64url'),
    created: secondsOf(now),
  }
}

function secondsOf(now: Date): number {
  return Math.floor(now.getTime() / 1_000)
}

/** The secrets whose signatures count, the current one first. Pure. */
export function sourcesOf({
  current,
  next,
  previous,
}: InstallationKeys): readonly [KeySource, ...KeySource[]] {
  const other = next ?? previous
  return other === undefined ? [current] : [current, other]
}

/** The key of a purpose. Pure. */
export function deriveKey({ secret }: KeySource, kind: KeyKind, purpose: string): Nkey {
  return nkeyOf(kind, derive(Buffer.from(secret, 'base64url'), `${kind}/${purpose}`))
}

/**
 * The public key by which NATS names an account, and the folder of its streams. Nobody has a private key for it, so a rotation
 * need not change it: the keys that sign for the account are named in its token. Pure.
 */
export function accountKey({ id }: Pick<InstallationKeys, 'id'>, account: string): string {
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
    const { id, current, next, previous, changed } = JSON.parse(text) as Partial<InstallationKeys>
    const others = [next, previous].filter((each) => each !== undefined)
    const isWhole = others.every(isSource) && (changed === undefined || Number.isSafeInteger(changed))
    if (isSecret(id) && isSource(current) && isWhole) return { id, current, next, previous, changed }
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
