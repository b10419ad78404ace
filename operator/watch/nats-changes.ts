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
  /** Follows a connection, which came up or came back. */
  follow(connection: NatsConnection): void
  /**
   * Calls `onStored` once, the next time that something is stored which a runner of the Job can run. Gives false if it waits
   * for that already.
   */
  whenStored(job: JobRef): boolean
}

/** Makes the follower. */
export function createNatsChanges(
  onChange: (change: NatsChange) => void,
  onStored: (job: JobRef) => void,
): NatsChanges {
  let followed: NatsConnection | undefined
  /** Jobs for which a subscription waits. */
  const waiting = new Set<string>()
  return {
    follow(connection) {
      // A connection that comes back has its subscriptions still.
      if (connection === followed) return
      followed = connection
      waiting.clear()
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
      if (waiting.has(subject) || followed === undefined || followed.isClosed()) return false
      waiting.add(subject)
      followed.subscribe(subject, {
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
