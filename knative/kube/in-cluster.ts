import { readFile } from 'node:fs/promises'

import { agentKeeper, type Access } from './access.ts'

const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * The access of a pod by its service account; undefined if the pod has none. Only tunnels load the client library: its
 * generated classes would make the operator larger, and its start slower.
 */
export async function inClusterAccess(server: string, folder = FOLDER): Promise<Access | undefined> {
  const read = (name: string) => readFile(`${folder}/${name}`, 'utf8')
  const token = await read('token').catch(() => undefined)
  if (token === undefined) return undefined
  const agentFor = agentKeeper(server)
  return {
    server,
    namespace: (await read('namespace').catch(() => 'default')).trim(),
    place: `this cluster (${server})`,
    advice: 'see whether the API server runs, and whether a network policy keeps this pod from it',
    // Read for each request, since the kubelet replaces both files before they expire.
    async credentials() {
      const [token, ca] = await Promise.all([read('token'), read('ca.crt')])
      return { headers: { Authorization: `Bearer ${token.trim()}` }, agent: agentFor({ ca }) }
    },
    async forwardPort(pod, port, streams) {
      const { serviceAccountForwarder } = await import('./kubeconfig.ts')
      return await serviceAccountForwarder()(pod, port, streams)
    },
  }
}
