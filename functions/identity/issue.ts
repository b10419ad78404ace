import { ASK_SUBJECT, STORAGE_SUBJECT } from '../storage/report.ts'
import { signToken } from './jwt.ts'
import { accountKey, deriveKey, issuedAt, sourcesOf, type InstallationKeys, type KeySource } from './keys.ts'
import { inboxPrefix, permissionsOf, type NamespacePart, type Permissions } from './permissions.ts'

/** An account of NATS: what is in one can't be reached from another one. */
export type AccountName =
  /** That of a namespace, with the streams of its Jobs and its modules. */
  | `namespace/${string}`
  /** That of all namespaces of a `jobico dev`. */
  | 'dev'
  /** That of the processes beside the servers, which say how full the disks are. */
  | 'storage'
  /** That of the servers, by which accounts are made. */
  | 'system'
  /** Of no use but to tell a server that knows the next key from one that does not. */
  | 'rotation'

/** The account of a namespace. */
export function accountOf(namespace: string): AccountName {
  return `namespace/${namespace}`
}

/** The namespace of an account; undefined if it is not that of a namespace. */
export function namespaceOfAccount(account: string): string | undefined {
  return /^namespace\/(.+)$/.exec(account)?.[1]
}

/** The parts of Jobico that connect to NATS. The operator may do everything in the account that it connects to. */
export type Part = NamespacePart | 'operator' | 'storage'

const NO_LIMIT = -1
/** Without these, an account could have no connections, and no streams. */
const ACCOUNT_LIMITS = {
  ...{ subs: NO_LIMIT, data: NO_LIMIT, payload: NO_LIMIT, conn: NO_LIMIT, leaf: 0 },
  ...{ imports: NO_LIMIT, exports: NO_LIMIT, wildcards: true, disallow_bearer: true },
}
const STREAM_LIMITS = {
  ...{ mem_storage: NO_LIMIT, disk_storage: NO_LIMIT, streams: NO_LIMIT, consumer: NO_LIMIT },
  ...{ mem_max_stream_bytes: NO_LIMIT, disk_max_stream_bytes: NO_LIMIT, max_ack_pending: NO_LIMIT },
}

/** The token of the operator of NATS, which signs accounts, for each secret whose signatures count. Pure. */
export function operatorTokens(keys: InstallationKeys): readonly string[] {
  return sourcesOf(keys).map((source) => {
    const key = deriveKey(source, 'operator', 'jobico')
    const nats = { type: 'operator', system_account: accountKey(keys, 'system') } as const
    return signToken({ subject: key.publicKey, name: 'jobico', issuedAt: source.created, nats }, key)
  })
}

/** The token of an account: its limits, who signs for it, and what it shares with others. Pure. */
export function accountToken(keys: InstallationKeys, account: AccountName): string {
  const signers = sourcesOf(keys).map((source) => signerOf(source, account).publicKey)
  const nats = { type: 'account', signing_keys: signers, ...sharedBy(keys, account) } as const
  return signToken(
    { subject: accountKey(keys, account), name: account, issuedAt: issuedAt(keys), nats },
    deriveKey(keys.current, 'operator', 'jobico'),
  )
}

/** All that crosses the border of an account: how full the disks are, and the question for it. */
function sharedBy(keys: InstallationKeys, account: AccountName) {
  const shared = [
    { name: STORAGE_SUBJECT, subject: STORAGE_SUBJECT, type: 'stream' },
    { name: ASK_SUBJECT, subject: ASK_SUBJECT, type: 'service' },
  ]
  if (account === 'storage') return { limits: ACCOUNT_LIMITS, exports: shared }
  if (account === 'system' || account === 'rotation') return { limits: ACCOUNT_LIMITS }
  const from = accountKey(keys, 'storage')
  return {
    limits: { ...ACCOUNT_LIMITS, ...STREAM_LIMITS },
    imports: shared.map((each) => ({ ...each, account: from })),
  }
}

function signerOf(source: KeySource, account: AccountName) {
  return deriveKey(source, 'account', account)
}

/**
 * The credentials with which a part connects to an account, as the content of a credentials file of NATS. Throws a RangeError
 * for a part that has nothing to do there. Pure.
 */
export function credentials(keys: InstallationKeys, account: AccountName, part: Part): string {
  const { current } = keys
  const user = deriveKey(current, 'user', `${account}/${part}`)
  const permissions = permissionsIn(account, part)
  const nats = {
    type: 'user',
    issuer_account: accountKey(keys, account),
    ...(permissions && { pub: { allow: permissions.publish }, sub: { allow: permissions.subscribe } }),
    ...{ subs: NO_LIMIT, data: NO_LIMIT, payload: NO_LIMIT },
    allowed_connection_types: ['STANDARD'],
  } as const
  const token = signToken(
    { subject: user.publicKey, name: part, issuedAt: current.created, nats },
    signerOf(current, account),
  )
  return credentialsText(token, user.seed)
}

/** Undefined for a part that may do everything. */
function permissionsIn(account: AccountName, part: Part): Permissions | undefined {
  if (part === 'operator') return undefined
  if (part === 'storage' && account === 'storage')
    return { publish: [STORAGE_SUBJECT], subscribe: [ASK_SUBJECT, `${inboxPrefix(part)}.>`] }
  const namespace = account === 'dev' ? '*' : namespaceOfAccount(account)
  if (part === 'storage' || namespace === undefined)
    throw new RangeError(`${part} has nothing to do in the account ${account}`)
  return permissionsOf(part, namespace)
}

function credentialsText(token: string, seed: string): string {
  return [
    '-----BEGIN NATS USER JWT-----',
    token,
    '------END NATS USER JWT------',
    '',
    '-----BEGIN USER NKEY SEED-----',
    seed,
    '------END USER NKEY SEED------',
    '',
  ].join('\n')
}
