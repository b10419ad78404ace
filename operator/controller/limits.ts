import { isDeepStrictEqual } from 'node:util'

import type { Log } from '../../functions/process/log.ts'
import type { Kube } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { LIMITS_CONFIG_MAP, readLimits, type NamespaceLimits } from '../reconcile/namespace-limits.ts'

type Data = Readonly<Record<string, string>>

/** The limits of namespaces, as they were last read. */
export interface Limits {
  of(namespace: string): NamespaceLimits
  /** Reads them again, and tells whether they have changed. While they can't be read, the last ones stay. */
  read(): Promise<boolean>
}

/** Reads the limits from the ConfigMap of that name in the operator's namespace; without it there are none. */
export function createLimits(kube: Kube, namespace: string, log: Log): Limits {
  let last: Data = {}
  let limits = readLimits(last)
  return {
    of: (name) => limits.of(name),
    async read() {
      const name = { namespace, name: LIMITS_CONFIG_MAP }
      try {
        const found = await kube.get<KubeObject & { readonly data?: Data }>(KINDS.configMap, name)
        const data = found?.data ?? {}
        if (isDeepStrictEqual(data, last)) return false
        last = data
        limits = readLimits(data)
        for (const fault of limits.faults)
          log.error({ fault }, `Could not read a limit in ${LIMITS_CONFIG_MAP}`)
        return true
      } catch (err) {
        log.warn({ err }, 'Could not read the limits; the last ones stay')
        return false
      }
    },
  }
}
