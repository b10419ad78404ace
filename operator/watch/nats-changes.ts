import type { NatsConnection } from '@nats-io/transport-node'

import { namespaceOfBucket } from '../../functions/modules/module-store.ts'
import { jobOfStream, wakeSubject, type JobRef } from '../../functions/queues/names.ts'

/** What happened in NATS, and whom it concerns. */
export type NatsChange =
  /** A stream of a Job was changed or deleted. */
  | { readonly kind: 'stream'; readonly job: JobRef }
  /** A consumer of a Job's stream was deleted; `event` is its name. */
  | { readonly kind: 'consumer'; readonly job: JobRef; readonly event: string }
  /** A module of a namespace was pushed or deleted. */
  | { readonly kind: 'module'; readonly namespace: string }

const ADVISORY = '$JS.EVENT.ADVISORY'
/** What NATS tells of by itself: advisories of JetStream, and the entries of object stores. */
const SUBJECTS = [
  `${ADVISORY}.STREAM.UPDATED.*`,
  `${ADVISORY}.STREAM.DELETED.*`,
  `${ADVISORY}.CONSUMER.DELETED.*.*`,
  '$O.*.M.>',
]

/** Reads the subject of such a message; undefined if it concerns no Job. Pure. */
export function changeOf(subject: string): NatsChange | undefined {
  const tokens = subject.split('.')
  if (tokens[0] === '$O') {
    const namespace = namespaceOfBucket(tokens[1] ?? '')
    return namespace === undefined ? undefined : { kind: 'module', namespace }
  }
  const [, , , of, , stream = '', event] = tokens
  const job = jobOfStream(stream)
  if (job === undefined) return undefined
  return of === 'CONSUMER' ? { kind: 'consumer', job, event: event ?? '' } : { kind: 'stream', job }
}

/** Follows what changes in NATS. What is missed while the connection is down is found by looking at everything again. */
export interface NatsChanges {
  /** Follows a connection, which came up or came back: that for a namespace, or without one, that for all. */
  follow(connection: NatsConnection, namespace?: string): void
  /**
   * Calls `onStored` once, the next time that something is stored which a runner of the Job can run. Gives false if it waits
   * for that already.
   */
  whenStored(job: JobRef): boolean
}

const ALL = ''

/** Makes the follower. */
export function createNatsChanges(
  onChange: (change: NatsChange) => void,
  onStored: (job: JobRef) => void,
): NatsChanges {
  /** Connections by namespace; that for all namespaces under ALL. */
  const followed = new Map<string, NatsConnection>()
  /** Jobs for which a subscription waits, with its connection. */
  const waiting = new Map<string, NatsConnection>()
  return {
    follow(connection, namespace = ALL) {
      // A connection that comes back has its subscriptions still.
      if (connection === followed.get(namespace)) return
      // Namespaces come and go: what a closed connection had is gone with it.
      for (const connections of [followed, waiting])
        for (const [key, each] of connections) if (each.isClosed()) connections.delete(key)
      followed.set(namespace, connection)
      for (const subject of SUBJECTS)
        connection.subscribe(subject, {
          callback: (_fault, message) => {
            const change = changeOf(message.subject)
            if (change !== undefined) onChange(change)
          },
        })
    },
    whenStored(job) {
      const subject = wakeSubject({ ...job, event: '*' })
      const connection = followed.get(job.namespace) ?? followed.get(ALL)
      if (connection === undefined || connection.isClosed() || waiting.get(subject) === connection)
        return false
      waiting.set(subject, connection)
      connection.subscribe(subject, {
        max: 1,
        callback: () => {
          waiting.delete(subject)
          onStored(job)
        },
      })
      return true
    },
  }
}
