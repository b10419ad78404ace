import type { PortConnection, PortStreams } from './access.ts'
import type { Caller } from './call.ts'
import { KubeError, type Kube } from './client.ts'
import { networkFault } from './http.ts'
import { KINDS, pathOf } from './kinds.ts'
import type { ObjectName } from './object.ts'
import { openTunnel } from './tunnel.ts'

/** Makes the function that opens tunnels to pods. */
export function tunneller(caller: Caller): Kube['tunnel'] {
  return (pod, port) => openTunnel((streams) => connect(caller, pod, port, streams))
}

async function connect(
  caller: Caller,
  pod: ObjectName,
  port: number,
  streams: PortStreams,
): Promise<PortConnection> {
  const { onStatus } = caller.counted('tunnel', KINDS.pod)
  try {
    const connection = await caller.access.forwardPort(pod, port, streams)
    onStatus(101)
    return connection
  } catch (fault) {
    onStatus(0)
    throw (await refusal(caller, pod, port)) ?? failure(pod, port, fault)
  }
}

/** Sends the same request as a plain GET to learn why it was refused: a web socket does not tell. */
async function refusal({ call }: Caller, pod: ObjectName, port: number): Promise<KubeError | undefined> {
  const path = `${pathOf(KINDS.pod, pod.namespace, pod.name)}/portforward?ports=${port}`
  try {
    await call('tunnel', KINDS.pod, { method: 'GET', path })
    return undefined
  } catch (fault) {
    if (!(fault instanceof KubeError)) throw fault
    return /upgrade/i.test(fault.message) ? undefined : fault
  }
}

function failure({ namespace, name }: ObjectName, port: number, fault: unknown): KubeError {
  const message = `port ${port} of pod ${name} in namespace ${namespace} can't be reached through the API server: ${networkFault(fault)}; see whether the pod runs: kubectl -n ${namespace} get pod ${name}`
  return new KubeError(message, 0, 'Unreachable', fault)
}
