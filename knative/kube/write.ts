import { queryOf, undefinedAt, type Caller } from './call.ts'
import type { ApplyOptions, Kube, RemoveOptions } from './client.ts'
import { pathOf, type Kind } from './kinds.ts'
import type { KubeObject, ObjectName } from './object.ts'

const APPLY = 'application/apply-patch+yaml'
const MERGE = 'application/merge-patch+json'

/** The methods of a client that write objects. */
export function writer(caller: Caller): Pick<Kube, 'apply' | 'create' | 'replace' | 'patch' | 'remove'> {
  const { call, namespace: defaultNamespace } = caller
  const nameOf = (object: object) => {
    const { name, namespace = defaultNamespace } = (object as KubeObject).metadata
    return { name, namespace }
  }
  return {
    async apply<T extends KubeObject>(kind: Kind, object: object, options: ApplyOptions) {
      const { namespace, name } = nameOf(object)
      const path = `${pathOf(kind, namespace, name)}${applying(options)}`
      return (await call('apply', kind, { method: 'PATCH', path, contentType: APPLY, body: object })) as T
    },
    async create<T extends KubeObject>(kind: Kind, object: object) {
      const path = pathOf(kind, nameOf(object).namespace)
      return (await call('create', kind, { method: 'POST', path, body: object })) as T
    },
    async replace<T extends KubeObject>(kind: Kind, object: object) {
      const { namespace, name } = nameOf(object)
      const path = pathOf(kind, namespace, name)
      return (await call('replace', kind, { method: 'PUT', path, body: object })) as T
    },
    async patch<T extends KubeObject>(kind: Kind, { namespace, name }: ObjectName, patch: object) {
      const path = pathOf(kind, namespace, name)
      return (await call('patch', kind, { method: 'PATCH', path, contentType: MERGE, body: patch })) as T
    },
    remove: (kind, name, options = {}) => remove(caller, kind, name, options),
  }
}

function applying({ manager, force, subresource, dryRun }: ApplyOptions): string {
  const query = queryOf({
    fieldManager: manager,
    force: String(force),
    dryRun: dryRun === true ? 'All' : undefined,
  })
  return `${subresource === undefined ? '' : `/${subresource}`}${query}`
}

async function remove(
  { call }: Caller,
  kind: Kind,
  { namespace, name }: ObjectName,
  { uid, propagation }: RemoveOptions,
): Promise<void> {
  const body = {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    ...(propagation === undefined ? {} : { propagationPolicy: propagation }),
    ...(uid === undefined ? {} : { preconditions: { uid } }),
  }
  // A 409 means that the object has another uid: the one to remove is gone.
  const gone = uid === undefined ? [404] : [404, 409]
  const path = pathOf(kind, namespace, name)
  await call('remove', kind, { method: 'DELETE', path, body }).catch(undefinedAt(...gone))
}
