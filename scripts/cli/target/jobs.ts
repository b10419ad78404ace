import type { Job } from '../../../crds/job.ts'
import { KubeError, type Kube } from '../../../knative/kube/client.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'

/** Lists the Jobs of one namespace, or of all. If Jobico is not installed, throws an Error that says how to install it. */
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
