import type { Job } from '../../../crds/job.ts'
import { KubeError, type Kube } from '../../../knative/kube/client.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'

/** The Jobs of a namespace, or of all. Throws an Error that says how to install Jobico where it is not. */
export async function listJobs(kube: Kube, namespace?: string): Promise<readonly Job[]> {
  try {
    const selection = namespace === undefined ? {} : { namespace }
    return (await kube.list<Job>(KINDS.job, selection)).items
  } catch (fault) {
    if (!(fault instanceof KubeError) || fault.status !== 404) throw fault
    throw new Error(
      `Jobico is not installed in ${kube.place}; install it with: kubectl apply -k knative/install`,
      {
        cause: fault,
      },
    )
  }
}
