import type { NatsConnection } from '@nats-io/transport-node'

import { KubeError, type Kube } from '../../../knative/kube/client.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'
import type { KubeObject } from '../../../knative/kube/object.ts'
import { LABELS, MANAGER } from '../../../knative/resources/labels.ts'
import { credentialsKey, NATS_CREDENTIALS } from '../../../knative/resources/nats-identity.ts'
import { lazyNats, type LazyNats, type NatsPlace } from './lazy-nats.ts'
import { NATS, type Tunnels } from './tunnels.ts'

/** The connections of a command to the NATS of a cluster, one for each namespace. */
export interface NatsAccess {
  nats(namespace: string): Promise<NatsConnection>
  close(): Promise<void>
}

/** The namespace has no account in NATS yet: the operator makes it for the first Job. */
export class NoAccountError extends Error {}

const HINT = 'try again, or see: kubectl get pods -n jobico-system'

/** Connects through tunnels, with the credentials that the Secret of the namespace has for users. */
export function natsAccess(kube: Kube, tunnels: Tunnels): NatsAccess {
  const links = new Map<string, LazyNats>()
  let urls: Promise<string> | undefined
  const place = async (namespace: string): Promise<NatsPlace> => {
    const credentials = await credentialsOf(kube, namespace)
    urls ??= natsUrls(tunnels)
    return {
      url: await urls,
      onlyGiven: true, // the addresses that the servers announce can not be reached from outside the cluster
      credentials,
      refusal: (cause) => refusal(namespace, credentials !== undefined, cause),
    }
  }
  return {
    nats(namespace) {
      const link = links.get(namespace) ?? lazyNats(() => place(namespace), HINT)
      links.set(namespace, link)
      return link.nats()
    },
    async close() {
      await Promise.all([...links.values()].map((link) => link.close()))
    },
  }
}

/** Uses all NATS pods, so that the connection outlives any of them. */
async function natsUrls(tunnels: Tunnels): Promise<string> {
  return (await tunnels.to(NATS)).map((port) => `127.0.0.1:${port}`).join(',')
}

type Secret = KubeObject & { readonly data?: Readonly<Record<string, string>> }

/** Undefined if the namespace has no such Secret: then NATS may let everybody in. */
async function credentialsOf(kube: Kube, namespace: string): Promise<string | undefined> {
  if (process.env['NATS_CREDS_FILE'] !== undefined) return undefined // it is used instead
  try {
    const secret = await kube.get<Secret>(KINDS.secret, { namespace, name: NATS_CREDENTIALS })
    const text = secret?.data?.[credentialsKey('cli')]
    return text === undefined ? undefined : Buffer.from(text, 'base64').toString()
  } catch (fault) {
    if (!isForbidden(fault)) throw fault
    throw new Error(
      `you may not read the Secret ${NATS_CREDENTIALS} of the namespace ${namespace}, whose owners have its queues: ${fault.message}; ask whoever runs the namespace for the right to get this Secret`,
      { cause: fault },
    )
  }
}

function refusal(namespace: string, hasCredentials: boolean, cause: unknown): Error {
  if (!hasCredentials)
    return new NoAccountError(
      `the namespace ${namespace} has no Secret ${NATS_CREDENTIALS} yet, without which NATS lets nobody in; the operator makes it for the first Job of a namespace: apply the Job first, then try again`,
      { cause },
    )
  return new Error(
    `NATS refused the credentials of the Secret ${NATS_CREDENTIALS} of the namespace ${namespace}; the operator renews them within some minutes: see whether it runs: kubectl get pods -n jobico-system`,
    { cause },
  )
}

/**
 * The namespaces that have an account in NATS; none where NATS lets everybody in. If the user may not list these Secrets, throws
 * an Error that says so.
 */
export async function namespacesWithAccess(kube: Kube): Promise<readonly string[]> {
  try {
    const labels = `${LABELS.managedBy}=${MANAGER}`
    const { items } = await kube.list(KINDS.secret, { labels, metadataOnly: true })
    return items
      .filter(({ metadata }) => metadata.name === NATS_CREDENTIALS)
      .map(({ metadata }) => metadata.namespace ?? '')
      .sort()
  } catch (fault) {
    if (!isForbidden(fault)) throw fault
    throw new Error(
      `you may not list the Secrets of all namespaces, of which those named ${NATS_CREDENTIALS} have the credentials for NATS: ${fault.message}; name one namespace with -n, or ask whoever runs the cluster`,
      { cause: fault },
    )
  }
}

function isForbidden(fault: unknown): fault is KubeError {
  return fault instanceof KubeError && fault.reason === 'Forbidden'
}
