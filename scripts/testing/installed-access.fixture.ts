import { readFile } from 'node:fs/promises'

import { parseAllDocuments } from 'yaml'

import type { Kube } from '../../knative/kube/client.ts'
import type { Kind } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { NAMESPACE } from './api-server.ts'

const BASE = new URL('../../knative/install/base/', import.meta.url)
const SYSTEM = 'jobico-system'
const AS_ADMIN = { manager: 'a-user', force: true }

const kindOf = (apiVersion: string, kind: string, plural: string, namespaced = false): Kind => ({
  apiVersion,
  kind,
  plural,
  namespaced,
})
const RBAC = 'rbac.authorization.k8s.io/v1'
const ADMISSION = 'admissionregistration.k8s.io/v1'
const INSTALLED: readonly Kind[] = [
  kindOf(RBAC, 'ClusterRole', 'clusterroles'),
  kindOf(RBAC, 'ClusterRoleBinding', 'clusterrolebindings'),
  kindOf(RBAC, 'Role', 'roles', true),
  kindOf(RBAC, 'RoleBinding', 'rolebindings', true),
  kindOf('v1', 'PodTemplate', 'podtemplates', true),
  kindOf(ADMISSION, 'ValidatingAdmissionPolicy', 'validatingadmissionpolicies'),
  kindOf(ADMISSION, 'ValidatingAdmissionPolicyBinding', 'validatingadmissionpolicybindings'),
]

interface PodTemplate extends KubeObject {
  readonly template: {
    readonly spec: { readonly containers: readonly [{ readonly name: string; readonly image: string }] }
  }
}

/**
 * Installs the operator's namespace, roles and policies, as knative/install does. A kustomization would name the image where the
 * files say `jobico`.
 */
export async function installAccess(kube: Kube, image = 'jobico'): Promise<void> {
  await kube.apply(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM } }, AS_ADMIN)
  for (const file of ['access.yaml', 'admission.yaml']) {
    const text = await readFile(new URL(file, BASE), 'utf8')
    for (const document of parseAllDocuments(text)) {
      const object = document.toJS({ maxAliasCount: -1 }) as KubeObject
      const kind = INSTALLED.find((each) => each.kind === object.kind)
      if (kind !== undefined) await kube.apply(kind, asInstalled(kind, object, image), AS_ADMIN)
    }
  }
}

function asInstalled(kind: Kind, object: KubeObject, image: string): KubeObject {
  const placed = kind.namespaced ? { ...object, metadata: { ...object.metadata, namespace: SYSTEM } } : object
  return isPodTemplate(placed) ? withImage(placed, image) : placed
}

function isPodTemplate(object: KubeObject): object is PodTemplate {
  return object.kind === 'PodTemplate'
}

function withImage(object: PodTemplate, image: string): PodTemplate {
  const [container] = object.template.spec.containers
  return { ...object, template: { spec: { containers: [{ ...container, image }] } } }
}
