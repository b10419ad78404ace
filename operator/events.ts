import type { Log } from '../functions/shared/log.ts'
import type { Kube } from '../knative/kube/client.ts'
import type { KubeObject } from '../knative/kube/object.ts'

/** Something that people are told about an object. */
export interface Occurrence {
  /** With its apiVersion, kind and uid. */
  readonly regarding: KubeObject
  readonly type: 'Normal' | 'Warning'
  /** CamelCase, at most 128 characters. */
  readonly reason: string
  /** For people; cut at 1,024 bytes. */
  readonly note: string
  /** What was done or tried, CamelCase, at most 128 characters. */
  readonly action: string
}

/** Records a Kubernetes Event. What fails is logged; never rejects. */
export type RecordEvent = (occurrence: Occurrence) => Promise<void>

/** Makes the recorder of a process; `instance` is the name of its pod. */
export declare function eventRecorder(options: {
  readonly kube: Kube
  readonly instance: string
  readonly log: Log
}): RecordEvent
