import { moduleBucket } from '../modules/module-store.ts'
import { eventSubjects, jobSubjects } from '../queues/names.ts'
import { ASK_SUBJECT, STORAGE_SUBJECT } from '../storage/report.ts'

/** Who connects to NATS with an identity of a namespace: one of its pods, or the CLI. */
export const NAMESPACE_PARTS = ['listener', 'runner', 'cli'] as const
export type NamespacePart = (typeof NAMESPACE_PARTS)[number]

/** The subjects on which a part may publish, and to which it may subscribe. */
export interface Permissions {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
}

/** The prefix of the inboxes of a part, which no other part of its account can read. */
export function inboxPrefix(part: string): string {
  return `_INBOX_${part}`
}

/**
 * What a part of a namespace may do, in the account of the namespace, which holds nothing of another one; with `*`, what a
 * part of any namespace may do. Pure.
 */
export function permissionsOf(part: NamespacePart, namespace: string): Permissions {
  const own = OWN[part](namespace)
  return {
    publish: [...own.publish, ASK_SUBJECT],
    subscribe: [...own.subscribe, `${inboxPrefix(part)}.>`, STORAGE_SUBJECT],
  }
}

const API = '$JS.API'

const OWN: Readonly<Record<NamespacePart, (namespace: string) => Permissions>> = {
  // Stores events, and reads the states of events.
  listener: (namespace) => ({
    publish: [...subjectsOf(namespace).queue, `${API}.STREAM.MSG.GET.*`],
    subscribe: [eventSubjects({ namespace, job: '*', event: '*' }).records('*')],
  }),
  // Reads events and modules, stores outcomes, deletes what is settled, and makes a lost consumer anew.
  runner: (namespace) => ({
    publish: [
      ...subjectsOf(namespace).events,
      ...['INFO', 'MSG.GET', 'MSG.DELETE', 'PURGE'].map((verb) => `${API}.STREAM.${verb}.*`),
      `${API}.CONSUMER.CREATE.>`,
      `${API}.CONSUMER.DURABLE.CREATE.*.*`,
      ...['INFO', 'DELETE', 'MSG.NEXT'].map((verb) => `${API}.CONSUMER.${verb}.*.*`),
      '$JS.ACK.>',
    ],
    subscribe: [],
  }),
  // Whoever may read its Secret has the whole namespace in NATS: he reads, purges, pushes modules, and restores.
  cli: (namespace) => ({
    publish: [
      ...subjectsOf(namespace).queue,
      ...subjectsOf(namespace).events,
      `$O.${namespace === '*' ? '*' : moduleBucket(namespace)}.>`,
      `${API}.>`,
      '$JS.ACK.>',
    ],
    subscribe: [eventSubjects({ namespace, job: '*', event: '*' }).records('*')],
  }),
}

function subjectsOf(namespace: string) {
  return jobSubjects({ namespace, job: '*' })
}
