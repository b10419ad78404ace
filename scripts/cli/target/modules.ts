import type { ModuleStore, PutModule } from '../../../functions/modules/module-store.ts'
import { formatBytes } from '../../../functions/jetstream/stream-refusal.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'
import { LABELS } from '../../../knative/resources/labels.ts'
import { holdsModule } from '../../job-files/cluster-files.ts'
import type { Progress } from '../terminal/progress.ts'
import type { ClusterTarget } from './cluster.ts'
import { NoAccountError } from './nats-access.ts'

/** The modules of a cluster; each namespace has its own. */
export interface ClusterModules {
  /** Whether a namespace has a module of this name, in its store or in a ConfigMap. */
  has(namespace: string, name: string): Promise<boolean>
  /** Puts a module into the store of a namespace, unless the same bytes are there. Throws a JobicoError when that fails. */
  push(namespace: string, name: string, bytes: Uint8Array): Promise<PutModule>
  /** The ConfigMaps of a namespace with a module of this name; a ConfigMap wins over the store. */
  shadows(namespace: string, name: string): Promise<readonly string[]>
}

/** Opens the modules of a cluster; `progress` shows how much of a push is sent. */
export function clusterModules(
  { kube, nats }: Pick<ClusterTarget, 'kube' | 'nats'>,
  progress?: Progress,
): ClusterModules {
  const shadows = async (namespace: string, name: string) => {
    const { items } = await kube.list(KINDS.configMap, { namespace, labels: `${LABELS.modules}=true` })
    return items.filter((each) => holdsModule(each, name)).map(({ metadata }) => metadata.name)
  }
  const store = async (namespace: string, create = {}): Promise<ModuleStore> => {
    const { openModuleStore } = await import('../../../functions/modules/module-store.ts')
    return await openModuleStore(await nats(namespace), namespace, create)
  }
  const isStored = async (namespace: string, name: string) => {
    try {
      return (await (await store(namespace)).find(name)) !== undefined
    } catch (fault) {
      if (fault instanceof NoAccountError) return false
      throw fault
    }
  }
  return {
    shadows,
    has: async (namespace, name) =>
      (await shadows(namespace, name)).length > 0 || (await isStored(namespace, name)),
    async push(namespace, name, bytes) {
      const { assertStorage } = await import('./storage.ts')
      await assertStorage(await nats(namespace))
      const target = await store(namespace, { create: {} })
      try {
        return await target.put(name, bytes, (sent) => progress?.show(sendingLine(name, sent, bytes.length)))
      } finally {
        progress?.end()
      }
    },
  }
}

/** The progress line of a push; sizes in bytes. Pure. */
export function sendingLine(name: string, sent: number, size: number): string {
  return `sending ${name}: ${formatBytes(sent)} of ${formatBytes(size)}, ${Math.floor((sent / size) * 100)} %`
}

/** The warning that ConfigMaps win over a module that was pushed. Pure. */
export function shadowWarning(name: string, shadows: readonly string[]): string {
  const which = `ConfigMap${shadows.length > 1 ? 's' : ''} ${shadows.join(', ')}`
  return `warning: the ${which} also ${shadows.length > 1 ? 'have' : 'has'} a module ${name}, which wins over the pushed one; remove it from there to use the pushed one`
}
