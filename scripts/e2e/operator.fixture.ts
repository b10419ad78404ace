import { get } from 'node:http'

import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import type { PodObject } from './case.fixture.ts'
import { eventually } from '../testing/eventually.fixture.ts'
import { kube, mustKubectl, SYSTEM } from './kube.fixture.ts'

/** The name of the operator's Deployment and of its Lease. */
export const OPERATOR = 'jobico-operator'
const OPERATORS = 'app.kubernetes.io/name=jobico,app.kubernetes.io/component=operator'
const METRICS_PORT = 9464

/** The operator's pods, also those that are being deleted. */
export async function operatorPods(): Promise<readonly PodObject[]> {
  return (await kube.list<PodObject>(KINDS.pod, { namespace: SYSTEM, labels: OPERATORS })).items
}

/** How often the operator's container was restarted, by pod. */
export async function operatorRestarts(): Promise<Readonly<Record<string, number>>> {
  const restarts = (await operatorPods()).map(({ metadata, status }) => [
    metadata.name,
    status.containerStatuses?.[0]?.restartCount ?? 0,
  ])
  return Object.fromEntries(restarts) as Record<string, number>
}

/** The name of the pod that is the leader. */
export async function leaderPod(): Promise<string> {
  return await eventually('one operator leads', async () => {
    const lease = await kube.get<KubeObject & { spec: { holderIdentity?: string } }>(KINDS.lease, {
      namespace: SYSTEM,
      name: OPERATOR,
    })
    const holder = lease?.spec.holderIdentity
    return (await operatorPods()).find(({ metadata }) => metadata.name === holder)?.metadata.name
  })
}

/** Kills pods of the operator without a grace period. */
export async function killPods(...names: readonly string[]): Promise<void> {
  await mustKubectl(['delete', 'pods', '-n', SYSTEM, '--grace-period=0', '--force', ...names])
}

/** Waits until the rollout of the operator's Deployment is complete. */
export async function operatorRolledOut(): Promise<void> {
  await mustKubectl(['rollout', 'status', `deployment/${OPERATOR}`, '-n', SYSTEM, '--timeout=180s'])
}

/** The number of requests that the operator's pods together have sent to the API server, by `<verb> <kind>`. */
export async function requestsSoFar(): Promise<ReadonlyMap<string, number>> {
  const total = new Map<string, number>()
  for (const { status } of await operatorPods()) {
    for (const line of (await fetchText(`http://${status.podIP ?? ''}:${METRICS_PORT}/metrics`)).split(
      '\n',
    )) {
      const match = /^jobico_kube_requests_total\{(.*)\} (\d+)$/.exec(line)
      const label = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(match?.[1] ?? '')?.[1] ?? ''
      const what = `${label('verb')} ${label('kind')}`
      if (match !== null) total.set(what, (total.get(what) ?? 0) + Number(match[2]))
    }
  }
  return total
}

function fetchText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      answer.once('end', () => resolve(text))
    }).once('error', reject)
  })
}
