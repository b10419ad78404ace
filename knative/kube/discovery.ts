import { undefinedAt, type Caller } from './call.ts'
import type { Kube } from './client.ts'
import type { Kind } from './kinds.ts'

interface ResourceList {
  readonly resources: readonly {
    readonly name: string
    readonly kind: string
    readonly namespaced: boolean
  }[]
}

/** Looks kinds up by discovery. A kind that was found is cached for good, since its plural does not change. */
export function discovery({ call }: Caller): Kube['findKind'] {
  const found = new Map<string, Kind>()
  return async (apiVersion, kind) => {
    const key = `${apiVersion}/${kind}`
    const known = found.get(key)
    if (known !== undefined) return known
    const path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
    const list = (await call('discover', { kind }, { method: 'GET', path }).catch(undefinedAt(404))) as
      ResourceList | undefined
    const resource = list?.resources.find((one) => one.kind === kind && !one.name.includes('/'))
    if (resource === undefined) return undefined
    const result = { apiVersion, kind, plural: resource.name, namespaced: resource.namespaced }
    found.set(key, result)
    return result
  }
}
