// Made from crds/jobs.jobico.coeux.dev.yaml by scripts/generate.ts; change it there.

/**
 * A Job ties the names of events to WebAssembly modules and to JSON Schemas. CloudEvents that come over HTTP are checked, stored and run through the module at least once, and the outcome of each is recorded exactly once.
 */
export interface Job {
  /**
   * The version of this API, jobico.coeux.dev/v1.
   */
  apiVersion: 'jobico.coeux.dev/v1'
  /**
   * The kind of the object, Job.
   */
  kind: 'Job'
  metadata: JobMetadata
  spec: JobSpec
  status?: JobStatus
}
/**
 * The usual metadata of a Kubernetes object.
 */
export interface JobMetadata {
  /**
   * The name of the Job, a DNS label of at most 40 characters.
   */
  name: string
  /**
   * The namespace of the Job, a DNS label.
   */
  namespace?: string
  /**
   * Labels, by which objects are selected.
   */
  labels?: {
    [k: string]: string
  }
  /**
   * Notes of people and programs.
   */
  annotations?: {
    [k: string]: string
  }
  /**
   * Who has to agree before the object goes.
   */
  finalizers?: string[]
  /**
   * The objects that this one goes with.
   */
  ownerReferences?: JobOwnerReference[]
  /**
   * A prefix that the API server makes a name of.
   */
  generateName?: string
  /**
   * The unique id; set by the API server.
   */
  uid?: string
  /**
   * The version of the stored object; set by the API server.
   */
  resourceVersion?: string
  /**
   * Counts the changes of the spec; set by the API server.
   */
  generation?: number
  /**
   * When the object was made; set by the API server.
   */
  creationTimestamp?: string
  /**
   * When the object is to go; set by the API server.
   */
  deletionTimestamp?: string
  /**
   * How long deletion may take; set by the API server.
   */
  deletionGracePeriodSeconds?: number
  /**
   * No longer used.
   */
  selfLink?: string
  /**
   * Who set which field; set by the API server.
   */
  managedFields?: {
    [k: string]: unknown
  }[]
}
/**
 * An owner of the object.
 */
export interface JobOwnerReference {
  /**
   * The API version of the owner.
   */
  apiVersion: string
  /**
   * The kind of the owner.
   */
  kind: string
  /**
   * The name of the owner.
   */
  name: string
  /**
   * The unique id of the owner.
   */
  uid: string
  /**
   * Whether the owner manages the object.
   */
  controller?: boolean
  /**
   * Whether the owner waits for the object to go.
   */
  blockOwnerDeletion?: boolean
}
/**
 * What is to run on which events.
 */
export interface JobSpec {
  /**
   * The events of the Job, 1 to 50, each with the module that runs on it.
   */
  events: JobEvent[]
  queue: JobQueue
}
/**
 * One event of the Job, and what runs on it.
 */
export interface JobEvent {
  /**
   * The name of the event, 1 to 10 letters and digits. It is part of the address that events are sent to, and only one Job of a namespace can have it.
   */
  name: string
  /**
   * The file name of the module with its extension, such as echo.wasm, without a folder. Letters, digits, dots, dashes and underscores; the first is no dot or dash.
   */
  wasm: string
  schema: JobEventSchema
  /**
   * The longest that one execution may take, in seconds of the wall clock. It is stopped then, and the event is tried again.
   */
  timeoutSeconds: number
  /**
   * The most linear memory of one execution, from 1Mi to 4Gi, as a whole number of Mi or Gi.
   */
  memory: string
  /**
   * Variables that the module can read.
   */
  env: JobEnv[]
  retry: JobRetry
  runner: JobRunner
  listener: JobListener
  output?: JobOutput
}
/**
 * Where the JSON Schema (draft-07 or 2020-12) of the event's data is. Data that does not match it is refused with 422.
 */
export interface JobEventSchema {
  /**
   * The name of the ConfigMap that holds the schema; the key when left out.
   */
  name?: string
  /**
   * The data key in the ConfigMap. Where there is no such key, the same with .json at its end is taken.
   */
  key: string
}
/**
 * One variable, with either a value or a place to take it from.
 */
export interface JobEnv {
  /**
   * The name of the variable: letters, digits and underscores, no digit first. Names that start with CE_ are kept for the attributes of the event.
   */
  name: string
  /**
   * The value of the variable, as it stands.
   */
  value?: string
  valueFrom?: JobEnvSource
}
/**
 * Where the value is taken from, a key of a Secret or of a ConfigMap of the Job's namespace.
 */
export interface JobEnvSource {
  secretKeyRef?: JobEnvSecretKey
  configMapKeyRef?: JobEnvConfigMapKey
}
/**
 * A key of a Secret.
 */
export interface JobEnvSecretKey {
  /**
   * The name of the Secret.
   */
  name: string
  /**
   * The key in its data.
   */
  key: string
}
/**
 * A key of a ConfigMap.
 */
export interface JobEnvConfigMapKey {
  /**
   * The name of the ConfigMap.
   */
  name: string
  /**
   * The key in its data.
   */
  key: string
}
/**
 * How an event is tried again after a failure. The longest wait doubles with each attempt, and the wait itself is drawn at random below it.
 */
export interface JobRetry {
  /**
   * How often an event is run at most, the first time included. After that it is a dead letter.
   */
  maxAttempts: number
  /**
   * The wait before the second attempt is drawn below this, in seconds.
   */
  minDelaySeconds: number
  /**
   * No wait between two attempts is longer than this, in seconds.
   */
  maxDelaySeconds: number
}
/**
 * How many pods run the module, and how many events each runs at a time.
 */
export interface JobRunner {
  /**
   * The pods that stay while nothing happens.
   */
  minReplicas: number
  /**
   * The most pods that run the module at a time.
   */
  maxReplicas: number
  /**
   * The most events that one pod runs at a time.
   */
  concurrency: number
  /**
   * How long there must be nothing to run before the last pods go. At least 30, so that no pod goes whose events may still come back.
   */
  cooldownSeconds: number
}
/**
 * How the event is received over HTTP.
 */
export interface JobListener {
  /**
   * The pods that stay while no request comes.
   */
  minReplicas: number
  /**
   * The most pods that receive the event at a time.
   */
  maxReplicas: number
  /**
   * Public can be reached from outside the cluster where its ingress can; ClusterLocal only from inside.
   */
  visibility: 'Public' | 'ClusterLocal'
  auth?: JobListenerAuth
}
/**
 * Asks for a bearer token on every path but health and OPTIONS. Without it anyone who reaches the listener can send.
 */
export interface JobListenerAuth {
  secretKeyRef: JobAuthSecretKey
}
/**
 * The key of a Secret that holds the valid tokens, one a line.
 */
export interface JobAuthSecretKey {
  /**
   * The name of the Secret.
   */
  name: string
  /**
   * The key in its data.
   */
  key: string
}
/**
 * Where the result of the module goes, either another event of this Job or a sink. Without it the result is only kept with the outcome.
 */
export interface JobOutput {
  /**
   * The name of another event of this Job, which runs on the result. Events may follow one another, but in no cycle.
   */
  event?: string
  sink?: JobSink
}
/**
 * Where the result is sent as a binary CloudEvent by HTTP POST, at least once.
 */
export interface JobSink {
  /**
   * The http or https address of the sink.
   */
  uri?: string
  ref?: JobSinkRef
}
/**
 * An addressable object of the Job's namespace, such as a Knative Service or Broker.
 */
export interface JobSinkRef {
  /**
   * The API version of the object, such as serving.knative.dev/v1.
   */
  apiVersion: string
  /**
   * The kind of the object, such as Service.
   */
  kind: string
  /**
   * The name of the object.
   */
  name: string
}
/**
 * How the events of the Job are stored, and how long their outcomes are kept.
 */
export interface JobQueue {
  /**
   * File keeps events over restarts of NATS; Memory is faster and loses them. It can not be changed once the Job is there.
   */
  storage: 'File' | 'Memory'
  /**
   * The most bytes that wait in the queue, and as many again for outcomes, as a whole number of Mi or Gi, from 1Mi to 9999Gi. While the queue is full, listeners answer 503; while outcomes are full, nothing is run. File storage is reserved in full.
   */
  maxBytes: string
  /**
   * How many NATS servers hold each event, 1, 3 or 5. When left out, the operator's setting: 3 where NATS has three nodes.
   */
  replicas?: 1 | 3 | 5
  /**
   * For how long, in seconds, an event that is sent again is known as a duplicate after it was stored.
   */
  duplicateWindowSeconds: number
  /**
   * For how long, in seconds, it is known of an event that it is done, and its result is kept.
   */
  doneRetentionSeconds: number
  /**
   * For how long, in seconds, a dead letter is kept and can be sent through again.
   */
  deadRetentionSeconds: number
}
/**
 * What the operator found. It is written by the operator only.
 */
export interface JobStatus {
  /**
   * The generation of the Job that this status is about.
   */
  observedGeneration?: number
  /**
   * SchemasReady, ModulesReady, QueueReady, ListenersReady and RunnersReady, and Ready, which sums them up.
   */
  conditions?: JobCondition[]
  /**
   * How many events are ready, of how many, such as 2/2.
   */
  eventsReady?: string
  /**
   * The events that waited for their outcome when last counted.
   */
  pending?: number
  /**
   * The dead letters that were kept when last counted.
   */
  dead?: number
  /**
   * The state of each event. An event that was taken from the Job stays until its backlog is done.
   */
  events?: JobEventStatus[]
}
/**
 * One condition of the Job.
 */
export interface JobCondition {
  /**
   * The name of the condition.
   */
  type: string
  /**
   * Whether the condition holds.
   */
  status: 'True' | 'False' | 'Unknown'
  /**
   * Why, as one word for programs.
   */
  reason: string
  /**
   * Why, in words, and what to do about it.
   */
  message: string
  /**
   * The generation of the Job that the condition is about.
   */
  observedGeneration?: number
  /**
   * When the condition's status last changed.
   */
  lastTransitionTime: string
}
/**
 * The state of one event.
 */
export interface JobEventStatus {
  /**
   * The name of the event.
   */
  name: string
  /**
   * Where the event is sent to.
   */
  url?: string
  /**
   * The digest of the module that serves the event, as sha256-<hex>.
   */
  module?: string
  /**
   * How many of this event waited for their outcome when last counted.
   */
  pending?: number
  /**
   * How many dead letters of this event were kept when last counted.
   */
  dead?: number
  /**
   * Whether the event is received and run.
   */
  ready?: boolean
  /**
   * Why the event is ready or is not, as one word.
   */
  reason?: string
}
