import type { NatsConnection } from '@nats-io/transport-node'

import { accountOf, accountToken, credentials, type AccountName } from '../../functions/identity/issue.ts'
import { decodeKeys, type InstallationKeys } from '../../functions/identity/keys.ts'
import { closeNats, connectNats } from '../../functions/jetstream/connection.ts'
import type { Kube } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { NATS_KEYS } from '../../knative/resources/nats-identity.ts'
import { eventually } from './eventually.fixture.ts'

/** The NATS of an installation on a cluster, for who may read its keys. */
export interface ClusterNats {
  readonly kube: Kube
  /** The URLs of its servers. */
  readonly url: string
}

const SYSTEM = 'jobico-system'
const FIRST_MS = 10_000

/** Connects to the account of a namespace, as the operator does; makes it if it is not there yet. The caller closes it. */
export async function openAccount(nats: ClusterNats, namespace: string): Promise<NatsConnection> {
  const keys = await keysOf(nats)
  const system = await connectAs(nats, keys, 'system')
  await system.request('$SYS.REQ.CLAIMS.UPDATE', accountToken(keys, accountOf(namespace)))
  await closeNats(system)
  return await eventually('all servers know the account', () => connectAs(nats, keys, accountOf(namespace)))
}

interface Jsz {
  readonly data?: {
    readonly account_details?: readonly { readonly stream_detail?: readonly { readonly name: string }[] }[]
  }
}

/** The names of the streams of all accounts. */
export async function allStreams(nats: ClusterNats): Promise<readonly string[]> {
  const system = await connectAs(nats, await keysOf(nats), 'system')
  const names: string[] = []
  const request = JSON.stringify({ accounts: true, streams: true })
  const how = { strategy: 'timer', maxWait: 2_000 } as const
  for await (const answer of await system.requestMany('$SYS.REQ.SERVER.PING.JSZ', request, how))
    for (const { stream_detail: streams = [] } of answer.json<Jsz>().data?.account_details ?? [])
      names.push(...streams.map(({ name }) => name))
  await closeNats(system)
  return names
}

async function connectAs(
  { url }: ClusterNats,
  keys: InstallationKeys,
  account: AccountName,
): Promise<NatsConnection> {
  return await connectNats({
    ...{ url, name: 'test', firstWithinMs: FIRST_MS },
    credentials: credentials(keys, account, 'operator'),
  })
}

async function keysOf({ kube }: ClusterNats): Promise<InstallationKeys> {
  const name = { namespace: SYSTEM, name: NATS_KEYS.secret }
  const secret = await kube.get<KubeObject & { readonly data?: Record<string, string> }>(KINDS.secret, name)
  const text = Buffer.from(secret?.data?.[NATS_KEYS.keys] ?? '', 'base64').toString()
  return decodeKeys(text, `the Secret ${NATS_KEYS.secret}`)
}
