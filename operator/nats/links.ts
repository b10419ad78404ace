import type { NatsConnection } from '@nats-io/transport-node'

import type { Log } from '../../functions/process/log.ts'
import { accessFor, type NatsAccess } from './access.ts'
import { linkNats, type NatsLink } from './link.ts'

/** The connections of a process for namespaces: one for each, or one for all where they share an account. */
export interface NatsLinks {
  /** The connection for a namespace. Begins one if there is none. Throws as NatsLink. */
  use(namespace: string): NatsConnection
  /** The same, but while the first connection is being made, waits for it a little. */
  open(namespace: string): Promise<NatsConnection>
  /** Tells a follower of connections, also of those that are up, until the returned function is called. */
  follow(follower: LinkFollower): () => void
  /** Of these namespaces, one for each connection. Where all share one there is always one, though it may be of no namespace. */
  apart(namespaces: Iterable<string>): ReadonlySet<string>
  /** How many connections there are. */
  count(): number
  close(): Promise<void>
}

/** Who uses connections. */
export interface LinkFollower {
  /** Whether the connection for a namespace is needed; one that nobody needs is closed after a while. */
  readonly needs: (namespace: string) => boolean
  /** A connection came up, or came back: that for a namespace, or without one, that for all. */
  readonly onUp: (connection: NatsConnection, namespace: string | undefined) => void
  /** A server joined the cluster. */
  readonly onServers?: (namespace: string | undefined) => void
}

/** Where NATS is, and as whom the connections are made. */
export interface LinksOptions {
  readonly url: string
  readonly access: NatsAccess
  /** The name of the connections in NATS's monitoring. */
  readonly name: string
  readonly log: Log
  /** For tests: how long a connection is kept that nobody needs. */
  readonly idleMs?: number
}

interface Linked {
  readonly link: NatsLink
  usedAt: number
}

/** Long enough for what is asked now and then, such as the queues of deleted Jobs. */
const IDLE_MS = 60_000
/** The key of the connection that all namespaces share. */
const ALL = ''

/** Connects when a namespace is first used, and closes what nobody needs any more. */
export function createNatsLinks(options: LinksOptions): NatsLinks {
  const { url, access, name, log, idleMs = IDLE_MS } = options
  const links = new Map<string, Linked>()
  const followers = new Set<LinkFollower>()
  const keyOf = (namespace: string) => (access.kind === 'accounts' ? namespace : ALL)
  const nameOf = (key: string) => (access.kind === 'accounts' ? key : undefined)

  const make = (key: string): NatsLink => {
    const link: NatsLink = linkNats(
      {
        ...{ url, name: key === ALL ? name : `${name} ${key}`, oneOfMany: key !== ALL },
        ...accessFor(access, key),
      },
      {
        log,
        onUp: () => {
          const connection = connectionOf(link)
          if (connection !== undefined) for (const { onUp } of followers) onUp(connection, nameOf(key))
        },
        onServers: () => {
          for (const { onServers } of followers) onServers?.(nameOf(key))
        },
      },
    )
    return link
  }
  const linkOf = (namespace: string): NatsLink => {
    const key = keyOf(namespace)
    const linked = links.get(key) ?? { link: make(key), usedAt: 0 }
    linked.usedAt = performance.now()
    links.set(key, linked)
    return linked.link
  }
  const closeIdle = () => {
    const since = performance.now() - idleMs
    for (const [key, { link, usedAt }] of links) {
      const isNeeded = key === ALL || [...followers].some(({ needs }) => needs(key))
      if (isNeeded || usedAt > since) continue
      links.delete(key)
      void link.close()
    }
  }
  const timer = setInterval(closeIdle, idleMs / 2)
  timer.unref()
  if (access.kind === 'shared') linkOf(ALL)

  return {
    use: (namespace) => linkOf(namespace).use(),
    open: (namespace) => linkOf(namespace).open(),
    follow(follower) {
      followers.add(follower)
      for (const [key, { link }] of links) {
        const connection = connectionOf(link)
        if (connection !== undefined) follower.onUp(connection, nameOf(key))
      }
      return () => followers.delete(follower)
    },
    apart: (namespaces) => new Set(access.kind === 'accounts' ? namespaces : [ALL]),
    count: () => links.size,
    async close() {
      clearInterval(timer)
      const all = [...links.values()]
      links.clear()
      await Promise.all(all.map(({ link }) => link.close()))
    },
  }
}

/** Undefined while the link has no connection that can be used. */
export function connectionOf(link: Pick<NatsLink, 'use'>): NatsConnection | undefined {
  try {
    return link.use()
  } catch {
    return undefined
  }
}
