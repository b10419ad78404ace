import { isDeepStrictEqual } from 'node:util'

import type { Log } from '../../functions/process/log.ts'
import type { Kube } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { pause } from '../backoff.ts'
import { readLimits, type NamespaceSettings } from '../reconcile/namespace-limits.ts'
import { LIMITS_CONFIG_MAP } from '../resolve/reach.ts'

type Data = Readonly<Record<string, string>>

/** The limits of namespaces, and what they may reach, as they were last read. */
export interface Limits {
  of(namespace: string): NamespaceSettings
  /** Reads them again, and tells whether they have changed. While they can't be read, the last ones stay. */
  read(): Promise<boolean>
  /** Reads them for the first time; tries again until that succeeds, since without them everything would be allowed. */
  readFirst(signal: AbortSignal): Promise<void>
}

const RETRY_MS = 2_000

/** Reads the limits from the ConfigMap of that name in the operator's namespace; without it there are none. */
export function createLimits(kube: Kube, namespace: string, log: Log): Limits {
  let last: Data = {}
  let limits = readLimits(last)
  let isRead = false
  const limitsNow: Limits = {
    of: (name) => limits.of(name),
    async readFirst(signal) {
      while (!signal.aborted) {
        await limitsNow.read()
        if (isRead) return
        await pause(RETRY_MS, signal)
      }
    },
    async read() {
      const name = { namespace, name: LIMITS_CONFIG_MAP }
      try {
        const found = await kube.get<KubeObject & { readonly data?: Data }>(KINDS.configMap, name)
        const data = found?.data ?? {}
        isRead = true
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
  return limitsNow
}
