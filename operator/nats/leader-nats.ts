import type { NatsConnection } from '@nats-io/transport-node'

import { credentials } from '../../functions/identity/issue.ts'
import { nextAlone, type InstallationKeys } from '../../functions/identity/keys.ts'
import { closeNats, connectNats } from '../../functions/jetstream/connection.ts'
import type { Log } from '../../functions/process/log.ts'
import type { Kube } from '../../knative/kube/client.ts'
import { accessTo, type NatsAccess } from './access.ts'
import { createAccounts, type Accounts } from './accounts.ts'
import type { Installation } from './installation.ts'
import { linkNats, type NatsLink } from './link.ts'
import type { NatsLinks } from './links.ts'

/** What the leader does with NATS. */
export interface LeaderNats extends Pick<NatsLinks, 'use' | 'apart'> {
  /** As NatsLinks, but makes the account of the namespace first. */
  open(namespace: string): Promise<NatsConnection>
  /** Makes what pods of a namespace need before they start. Throws KubeError, and QUEUE_UNAVAILABLE. */
  prepare(namespace: string): Promise<void>
  /** Whether NATS lets everybody in, though namespaces are to have accounts. */
  isOpen(): boolean
  /** Whether NATS is known to let in nobody but processes that this version has given credentials. */
  isClosed(): boolean
  /** The namespaces that have messages, whether they have Jobs or not; none where all share one account. */
  withMessages(): Promise<readonly string[]>
  /** Where the guards of the disks report. */
  readonly storage: NatsLink
  /** Keeps keys and accounts as they are to be; tells whether the keys have changed. */
  keep(now: Date): Promise<boolean>
  /** Closes what belongs to the leader; the connections for namespaces stay. */
  close(): Promise<void>
}

/** What it needs. */
export interface LeaderNatsOptions {
  readonly kube: Kube
  readonly url: string
  readonly access: NatsAccess
  readonly name: string
  /** Undefined where all share one account. */
  readonly installation: Installation | undefined
  readonly links: NatsLinks
  readonly log: Log
  /** What the guards report can be heard, anew or again. */
  readonly onStorage: () => void
  /** The servers may have lost the accounts of namespaces; those that are opened are made again. */
  readonly onServers: () => void
}

/** How long a server may take to let somebody in who asks whether it would. */
const PROBE_MS = 3_000

/** Begins to connect. */
export function openLeaderNats(options: LeaderNatsOptions): LeaderNats {
  const { url, access, name, installation, links, log, onStorage, onServers } = options
  const storage = linkNats(
    { url, name: `${name} storage`, ...accessTo(access, 'storage') },
    { log, onUp: onStorage },
  )
  const shared = { storage, use: links.use.bind(links), apart: links.apart.bind(links) }
  if (installation === undefined)
    return {
      ...shared,
      open: (namespace) => links.open(namespace),
      prepare: () => Promise.resolve(),
      isOpen: () => false,
      isClosed: () => false,
      withMessages: () => Promise.resolve([]),
      keep: () => Promise.resolve(false),
      close: () => storage.close(),
    }
  const system = linkNats(
    { url, name: `${name} system`, ...accessTo(access, 'system') },
    { log, onUp: () => forget(), onServers: () => forget() },
  )
  const forget = () => {
    accounts.forget()
    onServers()
  }
  const servers = url.split(',').length
  const accounts: Accounts = createAccounts({ kube: options.kube, keys: installation, system, servers })
  return {
    ...shared,
    async open(namespace) {
      await accounts.make(namespace)
      return await links.open(namespace)
    },
    prepare: (namespace) => accounts.giveCredentials(namespace),
    isOpen: () => accounts.isOpen(),
    isClosed: () => accounts.isClosed(),
    withMessages: () => accounts.withMessages(),
    async keep(now) {
      const facts = {
        serversKnowNext: (keys: InstallationKeys) => serversKnowNext(url, keys),
        isIssued: accounts.isRenewed(),
      }
      const hasChanged = await installation.keep(facts, now)
      // Servers that are not there yet get the accounts later.
      await accounts.renewAll().catch((err: unknown) => {
        log.warn({ err }, 'Could not renew the accounts of NATS; tried again')
      })
      return hasChanged
    },
    async close() {
      await Promise.all([system.close(), storage.close()])
    },
  }
}

/** Whether each server lets somebody in whom only the next key has signed, both himself and his account. */
export async function serversKnowNext(url: string, keys: InstallationKeys): Promise<boolean> {
  const next = nextAlone(keys)
  if (next === undefined) return false
  for (const server of url.split(',')) {
    try {
      const connection = await connectNats({
        ...{ url: server, name: 'jobico-operator rotation', onlyGiven: true, firstWithinMs: PROBE_MS },
        credentials: credentials(next, 'rotation', 'operator'),
      })
      const asks = connection.info?.auth_required === true
      await closeNats(connection)
      if (!asks) return false
    } catch {
      return false
    }
  }
  return true
}
