import {
  jetstreamManager,
  JetStreamApiError,
  type JetStreamManager,
  type StreamInfo,
} from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import type { Test } from 'tap'

import { closeNats } from '../../functions/jetstream/connection.ts'
import { streamNames, type EventRef, type JobRef } from '../../functions/queues/names.ts'
import { createRequests, type Requests } from '../../functions/jetstream/requests.ts'
import { eventState } from '../../functions/outcomes/event-state.ts'
import type { Verdict } from '../../functions/outcomes/verdict.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import { allStreams as streamsOfAll, openAccount, type ClusterNats } from '../testing/cluster-nats.ts'
import { eventually, type Patience } from '../testing/eventually.fixture.ts'
import {
  heldVerdicts,
  keepVerdicts,
  keptVerdicts,
  keptVerdictsStream,
} from '../testing/kept-verdicts.fixture.ts'
import type { PodObject } from './case.fixture.ts'
import { kube, SYSTEM } from './kube.fixture.ts'

/** A connection to the current pods of NATS; a pod that replaces one has another address. */
export interface Nats {
  readonly connection: NatsConnection
  readonly requests: Requests
  readonly manager: JetStreamManager
  /** A stream, undefined when there is none. */
  stream(name: string): Promise<StreamInfo | undefined>
  /** The names of a Job's streams that exist. */
  streamsOf(ref: JobRef): Promise<string[]>
  /** Waits until all events have a verdict. Returns the verdicts in the order of the keys. */
  ended(ref: EventRef, keys: readonly string[], patience?: Patience): Promise<Verdict[]>
  /** The keys of the events in each state. */
  states(ref: EventRef, keys: readonly string[]): Promise<Map<string, string[]>>
}

const STREAM_NOT_FOUND = 10059
const AT_ONCE = 50
const URL_PORT = 4222
const SERVERS = 'app.kubernetes.io/name=nats,app.kubernetes.io/component=queue'

/** The pods of NATS that have an address. */
export async function natsPods(): Promise<readonly PodObject[]> {
  const { items } = await kube.list<PodObject>(KINDS.pod, { namespace: SYSTEM, labels: SERVERS })
  return items.filter(({ status }) => status.podIP !== undefined)
}

/** Connects to the account of a namespace in the cluster's NATS until the test ends; makes the account if it is not there yet. */
export async function openNats(t: Test, namespace: string): Promise<Nats> {
  const connection = await openAccount(await clusterNats(), namespace)
  const requests = createRequests(connection)
  const manager = await jetstreamManager(connection)
  t.teardown(async () => {
    requests.close()
    await closeNats(connection)
  })
  const stream = async (name: string) => {
    try {
      return await manager.streams.info(name)
    } catch (thrown) {
      if (thrown instanceof JetStreamApiError && thrown.code === STREAM_NOT_FOUND) return undefined
      throw thrown
    }
  }
  return {
    connection,
    requests,
    manager,
    stream,
    async streamsOf(ref) {
      const names = Object.values(streamNames(ref)) as string[]
      const there = await Promise.all(names.map(async (name) => (await stream(name)) && name))
      return there.filter((name) => name !== undefined)
    },
    async ended(ref, keys, patience) {
      const verdicts = new Map<string, Verdict>()
      await eventually(
        `${keys.length} events of ${ref.job} have a verdict`,
        async () => {
          const missing = keys.filter((key) => !verdicts.has(key))
          await inTurns(missing, async (key) => {
            const known = await eventState(requests, ref, key)
            if (known.state === 'done' || known.state === 'dead') verdicts.set(key, known.verdict)
          })
          if (verdicts.size < keys.length) throw new Error(`${verdicts.size} have one`)
          return true
        },
        patience,
      )
      return keys.flatMap((key) => verdicts.get(key) ?? [])
    },
    async states(ref, keys) {
      const states = new Map<string, string[]>()
      await inTurns(keys, async (key) => {
        const { state } = await eventState(requests, ref, key)
        states.set(state, [...(states.get(state) ?? []), key])
      })
      return states
    },
  }
}

/** The URLs of the current pods of NATS. */
export async function natsUrl(): Promise<string> {
  return (await natsPods()).map(({ status }) => `nats://${status.podIP ?? ''}:${URL_PORT}`).join(',')
}

async function clusterNats(): Promise<ClusterNats> {
  return { kube, url: await natsUrl() }
}

/** The names of the streams of all accounts. */
export async function allStreams(): Promise<readonly string[]> {
  return await streamsOfAll(await clusterNats())
}

async function inTurns(keys: readonly string[], look: (key: string) => Promise<void>): Promise<void> {
  for (let from = 0; from < keys.length; from += AT_ONCE)
    await Promise.all(keys.slice(from, from + AT_ONCE).map(look))
}

/** Deletes what is in a Job's stream of events: a queue with a dead letter outlives its Job. */
export async function forgetOutcomes(nats: Nats, ref: JobRef): Promise<void> {
  await nats.manager.streams.purge(streamNames(ref).events)
}

/** Keeps a copy of each verdict of a Job until the test ends. The Job must be ready. */
export async function countVerdicts(t: Test, nats: Nats, ref: JobRef): Promise<void> {
  await keepVerdicts(nats.manager, ref)
  t.teardown(() => nats.manager.streams.delete(keptVerdictsStream(ref)))
}

/** The verdicts of a Job: `written` were stored since countVerdicts was called, and it holds `held` now. */
export async function verdictCounts(
  { manager }: Nats,
  ref: JobRef,
): Promise<{ readonly written: number; readonly held: number }> {
  return { written: await keptVerdicts(manager, ref), held: await heldVerdicts(manager, ref) }
}

/** The data of a verdict's result. Throws when the verdict is not done. */
export function resultOf(verdict: Verdict | undefined): unknown {
  if (verdict?.kind !== 'done') throw new Error(`not done: ${JSON.stringify(verdict)}`)
  return JSON.parse(new TextDecoder().decode(verdict.result.data))
}
