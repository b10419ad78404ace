import type { PortConnection, PortStreams } from './access.ts'
import type { Caller } from './call.ts'
import { KubeError, type Kube } from './client.ts'
import { networkFault } from './http.ts'
import { KINDS, pathOf } from './kinds.ts'
import type { ObjectName } from './object.ts'
import { openTunnel } from './tunnel.ts'

/** Opens tunnels to pods. */
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

/** What the API server says about the same request made as a plain one: web sockets do not tell why they were refused. */
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
