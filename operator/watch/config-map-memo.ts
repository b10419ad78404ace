import type { Kube } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'

/** A ConfigMap with its data. */
export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>
  readonly binaryData?: Readonly<Record<string, string>>
}

/** What is known about some keys of ConfigMaps. Each version of a ConfigMap is read once for the same keys. */
export interface ConfigMapMemo<T> {
  /** What is known of these keys in the ConfigMap with this metadata; undefined when it is gone. Throws KubeError. */
  read(metadata: KubeObject, keys: readonly string[]): Promise<ReadonlyMap<string, T> | undefined>
  forget(configMap: KubeObject): void
}

interface Kept<T> {
  readonly version: string
  readonly keys: ReadonlySet<string>
  readonly values: Promise<ReadonlyMap<string, T> | undefined>
}

/** Runs what reads a ConfigMap of a namespace when its turn comes, so that few are in memory at once. */
export type InTurn = <T>(namespace: string, read: () => Promise<T>) => Promise<T>

const MOST_KEPT = 20_000
/** Keys that are not asked for any more are dropped when there would be more of one ConfigMap. */
const MOST_KEYS = 1_000

/**
 * Makes a memo. `derive` must be pure; what it makes of the value of one key is kept in memory, so it has to be small. Other
 * keys are forgotten, and so are the texts.
 */
export function configMapMemo<T>(
  kube: Pick<Kube, 'get'>,
  inTurn: InTurn,
  derive: (configMap: ConfigMap, key: string) => T | undefined,
): ConfigMapMemo<T> {
  const kept = new Map<string, Kept<T>>()
  const fetch = async ({ metadata: { namespace = '', name } }: KubeObject, keys: ReadonlySet<string>) => {
    const configMap = await kube.get<ConfigMap>(KINDS.configMap, { namespace, name })
    if (configMap === undefined) return undefined
    const values = [...keys].map((key) => [key, derive(configMap, key)] as const)
    return new Map(values.filter((each): each is readonly [string, T & {}] => each[1] !== undefined))
  }
  return {
    read(configMap, keys) {
      const { uid = '', resourceVersion: version = '' } = configMap.metadata
      const known = kept.get(uid)
      const isSame = known?.version === version
      if (isSame && keys.every((key) => known.keys.has(key))) return known.values
      const more = isSame && known.keys.size < MOST_KEYS ? known.keys : []
      const all = new Set([...keys, ...more])
      const values = inTurn(configMap.metadata.namespace ?? '', () => fetch(configMap, all))
      if (kept.size >= MOST_KEPT) kept.clear()
      kept.set(uid, { version, keys: all, values })
      values.catch(() => kept.delete(uid))
      return values
    },
    forget: ({ metadata: { uid = '' } }) => void kept.delete(uid),
  }
}
