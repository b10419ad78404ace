import type { Condition, KubeObject } from '../kube/object.ts'

/** The labels of pods that are to be made. */
type PodLabels = Pick<KubeObject['metadata'], 'labels'>

/** A Knative Service; only the fields that Jobico reads. */
export interface KnativeServiceObject extends KubeObject {
  readonly spec?: { readonly template?: { readonly metadata?: PodLabels } }
  readonly status?: {
    readonly observedGeneration?: number
    readonly conditions?: readonly Condition[]
    readonly url?: string
    /** The latest Revision that was ready. */
    readonly latestReadyRevisionName?: string
    readonly latestCreatedRevisionName?: string
  }
}

/** A Deployment; only the fields that Jobico reads. */
export interface DeploymentObject extends KubeObject {
  readonly spec?: {
    readonly replicas?: number
    readonly template?: { readonly metadata?: PodLabels; readonly spec?: NonNullable<PodObject['spec']> }
  }
  readonly status?: {
    readonly observedGeneration?: number
    readonly conditions?: readonly Condition[]
    readonly replicas?: number
    /** Replicas of the latest version. */
    readonly updatedReplicas?: number
  }
}

/** A ScaledObject; only the fields that Jobico reads. */
export interface ScaledObjectObject extends KubeObject {
  readonly spec?: {
    readonly fallback?: { readonly replicas?: number }
    readonly triggers?: readonly { readonly metadata?: Readonly<Record<string, string>> }[]
  }
  readonly status?: { readonly conditions?: readonly Condition[] }
}

/** Whether a container waits, runs or has terminated, and why. */
export interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string }
  readonly running?: { readonly startedAt?: string }
  readonly terminated?: { readonly exitCode: number; readonly reason?: string; readonly message?: string }
}

/** The status of a container of a pod. */
export interface ContainerStatus {
  readonly name: string
  readonly image?: string
  readonly ready: boolean
  readonly restartCount: number
  readonly state?: ContainerState
  readonly lastState?: ContainerState
}

/** A pod; only the fields that Jobico reads. */
export interface PodObject extends KubeObject {
  readonly spec?: {
    readonly containers?: readonly {
      readonly name: string
      readonly image?: string
      readonly env?: readonly { readonly name: string; readonly value?: string }[]
    }[]
    readonly volumes?: readonly {
      readonly name: string
      readonly secret?: { readonly secretName?: string; readonly items?: readonly { readonly key: string }[] }
    }[]
  }
  readonly status?: {
    readonly phase?: string
    readonly startTime?: string
    readonly conditions?: readonly Condition[]
    readonly containerStatuses?: readonly ContainerStatus[]
  }
}
