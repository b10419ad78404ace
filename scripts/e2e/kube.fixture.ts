import { connectKube } from '../../knative/kube/connect.ts'
import { mustRun, runProgram, type Ended } from '../testing/program.ts'

/** The namespace in which Jobico is installed. */
export const SYSTEM = 'jobico-system'
/** A client of the cluster's API server. */
export const kube = await connectKube()

/** Runs kubectl to its end. */
export function kubectl(args: readonly string[], input = ''): Promise<Ended> {
  return runProgram('kubectl', args, { input })
}

/** Runs kubectl and returns its output. Throws INTERNAL with its error output when it fails. */
export function mustKubectl(args: readonly string[], input = ''): Promise<string> {
  return mustRun('kubectl', args, { input })
}

interface Node {
  readonly metadata: { readonly name: string }
  readonly status: { readonly addresses: readonly { readonly type: string; readonly address: string }[] }
}

/** The address at which pods reach this network namespace: the address of the only node. */
export async function nodeAddress(): Promise<string> {
  const kind = { apiVersion: 'v1', kind: 'Node', plural: 'nodes', namespaced: false } as const
  const { items } = await kube.list<Node>(kind, {})
  const address = items[0]?.status.addresses.find(({ type }) => type === 'InternalIP')?.address
  if (address === undefined) throw new Error('no node has an address')
  return address
}
