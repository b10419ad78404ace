// Made from crds/jobs.jobico.coeux.dev.yaml by scripts/generate.ts; change it there.

/**
 * A Job says, for each event name, which WebAssembly module runs and which JSON Schema the data has to match. CloudEvents that are sent by HTTP are checked and stored. Each is run through the module at least once, and its outcome is recorded exactly once.
 */
export interface Job {
  /**
   * The version of this API.
   */
  apiVersion: 'jobico.coeux.dev/v1'
  /**
   * The kind of the object.
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
   * Annotations, by people and programs.
   */
  annotations?: {
    [k: string]: string
  }
  /**
   * Who has to agree before the object is deleted.
   */
  finalizers?: string[]
  /**
   * The objects with which this one is deleted.
   */
  ownerReferences?: JobOwnerReference[]
  /**
   * A prefix from which the API server makes a name.
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
   * When the object was created; set by the API server.
   */
  creationTimestamp?: string
  /**
   * When the object is to be deleted; set by the API server.
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
   * Whether the owner is deleted only after the object.
   */
  blockOwnerDeletion?: boolean
}
/**
 * The events of the Job, and its queue.
 */
export interface JobSpec {
  /**
   * The events of the Job, each with its module and its schema.
   */
  events: JobEvent[]
  queue: JobQueue
}
/**
 * One event of the Job.
 */
export interface JobEvent {
  /**
   * The name of the event, 1 to 10 letters and digits. It is part of the address, /listener/<name>. Only one Job of a namespace can have an event of this name.
   */
  name: string
  /**
   * The file name of the module, such as echo.wasm, without a folder. Letters, digits, dots, dashes and underscores; the first is not a dot or a dash.
   */
  wasm: string
  schema: JobEventSchema
  /**
   * How long one execution may take, in seconds of wall-clock time. Then it is stopped, and the event is retried.
   */
  timeoutSeconds: number
  /**
   * How much linear memory one execution may use, from 1Mi to 4Gi, as a whole number of Mi or Gi.
   */
  memory: string
  /**
   * Environment variables of the module.
   */
  env: JobEnv[]
  retry: JobRetry
  runner: JobRunner
  listener: JobListener
  output?: JobOutput
}
/**
 * The ConfigMap with the JSON Schema of the event's data: draft-07, or 2020-12 if its $schema says so. Data that does not match it is refused with 422.
 */
export interface JobEventSchema {
  /**
   * The name of the ConfigMap. If it is left out, it is the same as key.
   */
  name?: string
  /**
   * The data key in the ConfigMap. If there is no such key, the same key with .json at its end is used.
   */
  key: string
}
/**
 * One variable, with either value or valueFrom.
 */
export interface JobEnv {
  /**
   * The name of the variable: letters, digits and underscores, no digit first. Names that start with CE_ are reserved for the attributes of the event.
   */
  name: string
  /**
   * The value of the variable. Nothing in it is replaced.
   */
  value?: string
  valueFrom?: JobEnvSource
}
/**
 * The key of a Secret or of a ConfigMap in the Job's namespace that holds the value.
 */
export interface JobEnvSource {
  secretKeyRef?: JobEnvSecretKey
  configMapKeyRef?: JobEnvConfigMapKey
}
/**
 * The key of a Secret.
 */
export interface JobEnvSecretKey {
  /**
   * The name of the Secret.
   */
  name: string
  /**
   * The data key in the Secret.
   */
  key: string
}
/**
 * The key of a ConfigMap.
 */
export interface JobEnvConfigMapKey {
  /**
   * The name of the ConfigMap.
   */
  name: string
  /**
   * The data key in the ConfigMap.
   */
  key: string
}
/**
 * How often a failed event is run again, and how long it waits before that. The wait is random. It is at least minDelaySeconds, and at most twice that before the second attempt, four times before the third and so on, up to maxDelaySeconds. If the module or the sink names a delay of its own, that one is used.
 */
export interface JobRetry {
  /**
   * How many executions of an event may begin, the first included. If the last one fails, the event becomes a dead letter.
   */
  maxAttempts: number
  /**
   * The shortest wait between two attempts, in seconds.
   */
  minDelaySeconds: number
  /**
   * The longest wait between two attempts, in seconds.
   */
  maxDelaySeconds: number
}
/**
 * How many pods run the module in a cluster, and how many events each runs at a time.
 */
export interface JobRunner {
  /**
   * How many pods stay when there is nothing to run.
   */
  minReplicas: number
  /**
   * How many pods may run the module at a time.
   */
  maxReplicas: number
  /**
   * How many events one pod runs at a time.
   */
  concurrency: number
  /**
   * How long, in seconds, there has to be nothing to run before the last pods are removed. At least 30, because an event whose runner died is delivered again only then.
   */
  cooldownSeconds: number
}
/**
 * How the event is received by HTTP. The counts and visibility apply in a cluster only.
 */
export interface JobListener {
  /**
   * How many pods stay when no request comes.
   */
  minReplicas: number
  /**
   * How many pods may receive the event at a time.
   */
  maxReplicas: number
  /**
   * Public can be reached from wherever the cluster's ingress can be reached; ClusterLocal only from inside the cluster.
   */
  visibility: 'Public' | 'ClusterLocal'
  auth?: JobListenerAuth
}
/**
 * Requires a bearer token, on every path except health and for every method except OPTIONS. Without it, anyone who can reach the listener can send.
 */
export interface JobListenerAuth {
  secretKeyRef: JobAuthSecretKey
}
/**
 * The key of a Secret that holds the valid tokens, one per line.
 */
export interface JobAuthSecretKey {
  /**
   * The name of the Secret.
   */
  name: string
  /**
   * The data key in the Secret.
   */
  key: string
}
/**
 * Where the result of the module is sent: either to another event of this Job, or to a sink. Without it the result is only stored, with the outcome.
 */
export interface JobOutput {
  /**
   * The name of another event of this Job, which gets the result. That event may have an output too, but they must not form a cycle.
   */
  event?: string
  sink?: JobSink
}
/**
 * The address to which the result is sent as a CloudEvent in binary mode, by HTTP POST, at least once.
 */
export interface JobSink {
  /**
   * The http or https address of the sink.
   */
  uri?: string
  ref?: JobSinkRef
}
/**
 * An addressable object in the Job's namespace, such as a Knative Service or Broker. In a cluster only.
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
 * How the Job's events are stored in NATS, and how long their outcomes are kept.
 */
export interface JobQueue {
  /**
   * File keeps events when NATS restarts; Memory is faster and loses them. It can not be changed once the Job is created.
   */
  storage: 'File' | 'Memory'
  /**
   * How many bytes of events may wait in the queue, as a whole number of Mi or Gi, from 1Mi to 9999Gi. While the queue is full, listeners answer 503. Beside the queue, the newest results of done events are kept, up to as many bytes; dead letters may take as many, and retries and hand-overs twice as many. Nothing is reserved: a Job takes what it uses, and never more than 6 times maxBytes on a server.
   */
  maxBytes: string
  /**
   * How many NATS servers store each event. If it is left out, the operator's setting counts: as installed 3, with a single NATS server 1.
   */
  replicas?: 1 | 3 | 5
  /**
   * How long after an event was stored, in seconds, the same source and id count as a duplicate and are not run again.
   */
  duplicateWindowSeconds: number
  /**
   * How long, in seconds, the outcome of a done event is kept, with its result; less, if maxBytes of newer results have come. A change holds for outcomes that are stored from then on.
   */
  doneRetentionSeconds: number
  /**
   * How long, in seconds, a dead letter is kept and can be redriven. A change holds for dead letters that are stored from then on.
   */
  deadRetentionSeconds: number
}
/**
 * The state of the Job. Only the operator writes it.
 */
export interface JobStatus {
  /**
   * The metadata.generation of the Job that this status is about.
   */
  observedGeneration?: number
  /**
   * The conditions SchemasReady, ModulesReady, QueueReady, ListenersReady and RunnersReady, and Ready, which sums them up.
   */
  conditions?: JobCondition[]
  /**
   * How many of the Job's events are received and run, such as 2/2.
   */
  eventsReady?: string
  /**
   * How many events had no outcome yet when they were last counted.
   */
  pending?: number
  /**
   * How many dead letters there were when they were last counted.
   */
  dead?: number
  granted?: JobGranted
  /**
   * The state of each event. An event that was removed from the Job stays here until the events that wait for it are done.
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
   * Why, in one word, for programs.
   */
  reason: string
  /**
   * Why, in words for people, and how to fix it.
   */
  message: string
  /**
   * The metadata.generation of the Job that the condition is about.
   */
  observedGeneration?: number
  /**
   * When the condition's status last changed.
   */
  lastTransitionTime: string
}
/**
 * What the Job counts for among the limits of its namespace, by its last version that was within them.
 */
export interface JobGranted {
  /**
   * Events.
   */
  events: number
  /**
   * The sum of runner.maxReplicas over all events.
   */
  replicas: number
  /**
   * The most bytes that the Job may come to store, on all servers together.
   */
  storage: number
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
   * The URL to which the event is sent.
   */
  url?: string
  /**
   * The digest of the module that runs, as sha256-<hex>.
   */
  module?: string
  /**
   * How many of these events had no outcome yet when they were last counted.
   */
  pending?: number
  /**
   * How many dead letters of this event there were when they were last counted.
   */
  dead?: number
  /**
   * Whether the event is received and run.
   */
  ready?: boolean
  /**
   * Why the event is or is not ready, in one word.
   */
  reason?: string
}
