import { randomBytes } from 'node:crypto'

import type { Log } from '../functions/process/log.ts'
import type { Kube } from '../knative/kube/client.ts'
import { KINDS } from '../knative/kube/kinds.ts'
import type { KubeObject } from '../knative/kube/object.ts'
import { microTime } from './micro-time.ts'

const CONTROLLER = 'jobico.coeux.dev/operator'
/** Limits that the API server sets on fields of an Event. */
const MAX_NOTE_BYTES = 1024
const MAX_NAME_LENGTH = 253
const MAX_INSTANCE_LENGTH = 128

/** What a Kubernetes Event says about an object. */
export interface Occurrence {
  /** With its apiVersion, kind and uid. */
  readonly regarding: KubeObject
  readonly type: 'Normal' | 'Warning'
  /** CamelCase, at most 128 characters. */
  readonly reason: string
  /** The text for people; cut at 1,024 bytes. */
  readonly note: string
  /** What was done or tried, CamelCase, at most 128 characters. */
  readonly action: string
}

/** Records a Kubernetes Event. Logs an error of the API server; never rejects. */
export type RecordEvent = (occurrence: Occurrence) => Promise<void>

/** Makes the event recorder of this process; `instance` is the name of its pod. */
export function eventRecorder({
  kube,
  instance,
  log,
}: {
  readonly kube: Kube
  readonly instance: string
  readonly log: Log
}): RecordEvent {
  return async (occurrence) => {
    try {
      await kube.create(KINDS.event, eventOf(occurrence, instance))
    } catch (err) {
      const { reason, note } = occurrence
      log.warn({ err, reason, note }, 'Could not record an event')
    }
  }
}

function eventOf({ regarding, type, reason, note, action }: Occurrence, instance: string): KubeObject {
  const { apiVersion, kind, metadata } = regarding
  const { name, uid, resourceVersion } = metadata
  const namespace = metadata.namespace ?? 'default'
  const suffix = `.${Date.now().toString(16)}${randomBytes(3).toString('hex')}`
  const event = {
    metadata: { name: `${name.slice(0, MAX_NAME_LENGTH - suffix.length)}${suffix}`, namespace },
    eventTime: microTime(new Date()),
    reportingController: CONTROLLER,
    reportingInstance: instance.slice(0, MAX_INSTANCE_LENGTH),
    regarding: { apiVersion, kind, namespace, name, uid, resourceVersion },
    type,
    reason,
    note: cut(note),
    action,
  }
  return event
}

/** Cuts a note at the limit of UTF-8 bytes, between two characters, and ends it with an ellipsis. */
function cut(note: string): string {
  const bytes = Buffer.from(note)
  if (bytes.length <= MAX_NOTE_BYTES) return note
  let end = MAX_NOTE_BYTES - Buffer.byteLength('…')
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return `${bytes.toString('utf8', 0, end)}…`
}
