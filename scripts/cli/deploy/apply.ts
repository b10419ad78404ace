import { KubeError, type Kube } from '../../../knative/kube/client.ts'
import { KINDS, type Kind } from '../../../knative/kube/kinds.ts'
import { CLI_MANAGER, type FileObject } from '../../job-files/cluster-files.ts'
import { JobFileError } from '../../job-files/fault.ts'
import { refusals } from './apply-refusal.ts'

/** How to apply objects. */
export interface ApplyOptions {
  /** Has the API server validate the objects, and stores nothing. */
  readonly dryRun: boolean
  /** Takes over fields of other field managers. */
  readonly force: boolean
}

const KIND_OF: Readonly<Record<FileObject['kind'], Kind>> = {
  ConfigMap: KINDS.configMap,
  Secret: KINDS.secret,
  Job: KINDS.job,
}

/** Applies objects in their order. Throws one JobFileError with all that the API server refused. */
export async function applyAll(
  kube: Kube,
  objects: readonly FileObject[],
  { dryRun, force }: ApplyOptions,
): Promise<void> {
  const faults = []
  for (const object of objects) {
    try {
      await kube.apply(KIND_OF[object.kind], object.manifest, { manager: CLI_MANAGER, force, dryRun })
    } catch (fault) {
      if (!(fault instanceof KubeError) || fault.status === 0) throw fault
      for (const { path, message } of refusals(object, fault))
        faults.push(object.fault(path, `${object.kind} ${object.name} was refused: ${message}`))
    }
  }
  if (faults.length > 0) throw new JobFileError(faults)
}
