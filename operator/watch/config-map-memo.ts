import type { Kube } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'

/** A ConfigMap with its data. */
export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>
  readonly binaryData?: Readonly<Record<string, string>>
}

/** Values derived from the data of ConfigMaps. Each version of a ConfigMap is read once. */
export interface ConfigMapMemo<T> {
  /** The value for the ConfigMap with this metadata; undefined when it is gone. Throws KubeError. */
  read(metadata: KubeObject): Promise<T | undefined>
  forget(configMap: KubeObject): void
}

/** Makes a memo. `derive` must be pure; its result is kept in memory, so it should be small. */
export function configMapMemo<T>(kube: Kube, derive: (configMap: ConfigMap) => T): ConfigMapMemo<T> {
  const kept = new Map<string, { readonly version: string; readonly value: Promise<T | undefined> }>()
  const fetch = async ({ metadata: { namespace = '', name } }: KubeObject) => {
    const configMap = await kube.get<ConfigMap>(KINDS.configMap, { namespace, name })
    return configMap && derive(configMap)
  }
  return {
    read(configMap) {
      const { uid = '', resourceVersion = '' } = configMap.metadata
      const known = kept.get(uid)
      if (known?.version === resourceVersion) return known.value
      const value = fetch(configMap)
      kept.set(uid, { version: resourceVersion, value })
      value.catch(() => kept.delete(uid))
      return value
    },
    forget: ({ metadata: { uid = '' } }) => void kept.delete(uid),
  }
}
