import type { Msg, NatsConnection } from '@nats-io/transport-node'

import {
  accountOf,
  accountToken,
  credentials,
  namespaceOfAccount,
  type AccountName,
} from '../../functions/identity/issue.ts'
import { accountKey, type InstallationKeys } from '../../functions/identity/keys.ts'
import { NAMESPACE_PARTS } from '../../functions/identity/permissions.ts'
import { ANSWER_MS, answerTo } from '../../functions/jetstream/manager.ts'
import { JobicoError } from '../../functions/process/errors.ts'
import { KubeError, type Kube } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { LABELS, MANAGER } from '../../knative/resources/labels.ts'
import { credentialsKey, NATS_CREDENTIALS } from '../../knative/resources/nats-identity.ts'
import type { KnownKeys } from './installation.ts'
import type { NatsLink } from './link.ts'
import { connectionOf } from './links.ts'

/** The accounts of namespaces, and the Secrets with the credentials for them. */
export interface Accounts {
  /** Writes the Secret of a namespace, unless that was done lately. Throws KubeError, and QUEUE_UNAVAILABLE without keys. */
  giveCredentials(namespace: string): Promise<void>
  /**
   * Makes the account of a namespace, unless the servers are known to have it. Throws QUEUE_UNAVAILABLE. Does nothing on servers
   * that let everybody in: there are no accounts.
   */
  make(namespace: string): Promise<void>
  /**
   * Gives all accounts that the servers have tokens of the current keys, and their namespaces credentials, unless that was done.
   * Throws KubeError, and QUEUE_UNAVAILABLE.
   */
  renewAll(): Promise<void>
  /** Whether that was done. */
  isRenewed(): boolean
  /** The namespaces whose accounts store anything. Throws QUEUE_UNAVAILABLE. */
  withMessages(): Promise<readonly string[]>
  /** Whether NATS lets everybody in, so that nothing keeps namespaces apart. */
  isOpen(): boolean
  /** Whether NATS is known to let in nobody without credentials. */
  isClosed(): boolean
  /** The servers may have lost what they knew: the connection to them came up, or came back. */
  forget(): void
}

/** What accounts need. */
export interface AccountsOptions {
  readonly kube: Kube
  readonly keys: Pick<KnownKeys, 'get'>
  /** A connection to the account `system`. */
  readonly system: NatsLink
  /** How many servers there are. */
  readonly servers: number
}

/** A Secret is written again after so long, in case that somebody has changed or removed it. */
const REWRITE_MS = 3_600_000
/** How long the answers of all servers are waited for, once the request is sent. */
const ALL_ANSWERS_MS = 1_000
const FEWER_MS = 15_000
const PAGE = 1_000

/** Makes nothing yet. */
export function createAccounts({ kube, keys, system, servers }: AccountsOptions): Accounts {
  /** With which keys, and until when what was written counts. */
  const written = new Map<string, { readonly by: InstallationKeys; readonly until: number }>()
  const made = new Map<string, InstallationKeys>()
  let renewed: InstallationKeys | undefined
  /** How many servers are waited for, and until when less than all: one that is down costs its time once in a while. */
  let waitedFor = { servers, until: Infinity }

  const push = async (connection: NatsConnection, account: AccountName): Promise<void> => {
    const token = accountToken(keys.get(), account)
    const answers = await askAll(connection, '$SYS.REQ.CLAIMS.UPDATE', token)
    const results = answers.map((answer) => answer.json<Updated>())
    if (results.some(({ data }) => data?.code === 200)) return
    const why = results.map(({ error }) => error?.description ?? '').find((text) => text !== '')
    throw new JobicoError(
      'QUEUE_UNAVAILABLE',
      `NATS did not take the account ${account} (${why ?? 'no server answered'}); see whether the NATS servers were started with the keys of this installation`,
    )
  }
  const askAll = async (
    connection: NatsConnection,
    subject: string,
    payload: string | Uint8Array = '',
  ): Promise<readonly Msg[]> => {
    const answers: Msg[] = []
    if (performance.now() > waitedFor.until) waitedFor = { servers, until: Infinity }
    const sent = await answerTo(
      connection.requestMany(subject, payload, {
        ...{ strategy: 'count', noMux: true },
        ...{ maxMessages: waitedFor.servers, maxWait: ALL_ANSWERS_MS },
      }),
    )
    for await (const answer of sent) answers.push(answer)
    if (answers.length < waitedFor.servers)
      waitedFor = { servers: Math.max(answers.length, 1), until: performance.now() + FEWER_MS }
    return answers
  }

  const giveCredentials = async (namespace: string): Promise<void> => {
    const now = keys.get()
    const last = written.get(namespace)
    if (last?.by === now && performance.now() < last.until) return
    await kube.apply(KINDS.secret, credentialsSecret(now, namespace), { manager: MANAGER, force: true })
    // Not all of them at the same time again.
    const until = performance.now() + REWRITE_MS * (0.75 + Math.random() / 2)
    written.set(namespace, { by: now, until })
  }

  return {
    giveCredentials,
    isOpen: () => isOpen(system),
    isClosed: () => connectionOf(system)?.info?.auth_required === true,
    isRenewed: () => renewed !== undefined && renewed === keys.get(),
    forget() {
      made.clear()
      renewed = undefined
    },
    async make(namespace) {
      const now = keys.get()
      if (made.get(namespace) === now) return
      const connection = await system.open()
      if (isOpen(system)) return
      await push(connection, accountOf(namespace))
      made.set(namespace, now)
    },
    async renewAll() {
      const now = keys.get()
      if (renewed === now) return
      const connection = await system.open()
      if (isOpen(system)) return
      const lists = await askAll(connection, '$SYS.REQ.CLAIMS.LIST')
      const ids = new Set(lists.flatMap((answer) => answer.json<{ data?: readonly string[] }>().data ?? []))
      for (const id of ids) {
        const lookUp = connection.request(`$SYS.REQ.ACCOUNT.${id}.CLAIMS.LOOKUP`, '', { timeout: ANSWER_MS })
        const namespace = namespaceOfAccount(accountNameIn((await answerTo(lookUp)).string()))
        if (namespace === undefined || accountKey(now, accountOf(namespace)) !== id) continue
        await push(connection, accountOf(namespace))
        await giveCredentials(namespace).catch(unlessRefused)
      }
      renewed = now
    },
    async withMessages() {
      const connection = await system.open()
      if (isOpen(system)) return []
      const found = new Set<string>()
      for (let offset = 0; ; offset += PAGE) {
        const request = JSON.stringify({ accounts: true, limit: PAGE, offset })
        const pages = (await askAll(connection, '$SYS.REQ.SERVER.PING.JSZ', request)).map(
          (answer) => answer.json<Jsz>().data?.account_details ?? [],
        )
        for (const { name, memory, storage } of pages.flat()) {
          const namespace = namespaceOfAccount(name)
          if (namespace !== undefined && memory + storage > 0) found.add(namespace)
        }
        if (pages.every((page) => page.length < PAGE)) return [...found]
      }
    },
  }
}

interface Updated {
  readonly data?: { readonly code?: number }
  readonly error?: { readonly description?: string }
}

interface Jsz {
  readonly data?: {
    readonly account_details?: readonly {
      readonly name: string
      readonly memory: number
      readonly storage: number
    }[]
  }
}

/** False also while there is no connection. */
function isOpen(system: NatsLink): boolean {
  const connection = connectionOf(system)
  return connection !== undefined && connection.info?.auth_required !== true
}

/** A namespace may be gone, closed to the operator, or have an object of its own with that name: its Jobs say so. */
function unlessRefused(thrown: unknown): void {
  const status = thrown instanceof KubeError ? thrown.status : 0
  if (status < 400 || status >= 500 || status === 409 || status === 429) throw thrown
}

/** The name of the account that a token is about; empty if it is no token. Pure. */
function accountNameIn(token: string): string {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      readonly name?: string
    }
    return claims.name ?? ''
  } catch {
    return ''
  }
}

/** The Secret with which the pods and users of a namespace get into its account. Pure. */
export function credentialsSecret(
  keys: InstallationKeys,
  namespace: string,
): KubeObject & { readonly type: string; readonly data: object } {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: {
      ...{ namespace, name: NATS_CREDENTIALS },
      labels: { [LABELS.name]: 'jobico', [LABELS.partOf]: 'jobico', [LABELS.managedBy]: MANAGER },
    },
    data: Object.fromEntries(
      NAMESPACE_PARTS.map((part) => [
        credentialsKey(part),
        Buffer.from(credentials(keys, accountOf(namespace), part)).toString('base64'),
      ]),
    ),
  }
}
