import { setTimeout as delay } from 'node:timers/promises'

import type { StreamInfo } from '@nats-io/jetstream'

import { streamNames } from '../../../functions/queues/names.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import type { Random } from '../ledger/random.ts'
import type { Pair, Place } from '../system/network.fixture.ts'
import type { Member } from '../system/server.fixture.ts'
import type { System } from '../system/system.fixture.ts'

/** Ends a fault. */
type End = () => Promise<void>

/** A fault of a system with three servers. */
export interface ServerFault {
  readonly name: string
  /** Begins the fault. Gives the function that ends it. */
  readonly begin: (system: System, random: Random) => Promise<End> | End
  /** The least and the most milliseconds that it lasts after it has begun. */
  readonly holdMs: readonly [least: number, most: number]
  /** Whether two servers go on that see each other, so that events are to be answered with 202 meanwhile. */
  readonly goesOn: boolean
}

const SHORT_MS = [2_000, 10_000] as const
const LONG_MS = [5_000, 25_000] as const
const NONE_MS = [0, 0] as const
const NARROW_KBIT = 400

/** Servers that are killed, stopped and restarted. */
export const DEATHS: readonly ServerFault[] = [
  fault('any one killed', SHORT_MS, true, (system, random) => killed(some(system, random, 1))),
  fault('the leader killed', SHORT_MS, true, async (system) => killed([await queueLeader(system)])),
  fault('the holder of the consumers killed', LONG_MS, true, async (system) =>
    killed([await consumerLeader(system)]),
  ),
  fault('any two killed', SHORT_MS, false, (system, random) => killed(some(system, random, 2))),
  fault('all killed', SHORT_MS, false, ({ server }) => killed(server.members)),
  fault('any one stopped', LONG_MS, true, (system, random) => paused(some(system, random, 1))),
  fault('the leader stopped', LONG_MS, true, async (system) => paused([await queueLeader(system)])),
  fault('the holder of the consumers stopped', LONG_MS, true, async (system) =>
    paused([await consumerLeader(system)]),
  ),
  fault('any two stopped', LONG_MS, false, (system, random) => paused(some(system, random, 2))),
  fault('all stopped', LONG_MS, false, ({ server }) => paused(server.members)),
  fault('any one restarted', SHORT_MS, true, (system, random) => restarted(some(system, random, 1))),
  fault('any two restarted', SHORT_MS, false, (system, random) => restarted(some(system, random, 2))),
  fault('rolling restarts', NONE_MS, true, rollingRestarts),
  fault('the store of one lost', SHORT_MS, true, storeLost),
]

/** Servers that do not reach each other, or their clients. */
export const PARTITIONS: readonly ServerFault[] = [
  partition('one apart from all', (_system, random) => {
    const { one, others } = anyOf(random)
    return between([one], [...others, 'clients'])
  }),
  partition('the leader apart from all', async (system) => {
    const { one, others } = await leaderOf(system)
    return between([one], [...others, 'clients'])
  }),
  partition('one apart from the others, but not from its clients', (_system, random) => {
    const { one, others } = anyOf(random)
    return between([one], others)
  }),
  partition('the leader apart from the others, but not from its clients', async (system) => {
    const { one, others } = await leaderOf(system)
    return between([one], others)
  }),
  partition('no client reaches the leader', async (system) => {
    const { one } = await leaderOf(system)
    return between([one], ['clients'])
  }),
  partition('the leader hears no other', async (system) => {
    const { one, others } = await leaderOf(system)
    return others.map((other): Pair => [other, one])
  }),
  partition('no other hears the leader', async (system) => {
    const { one, others } = await leaderOf(system)
    return others.map((other): Pair => [one, other])
  }),
  partition('a follower hears no other', async (system, random) => {
    const { one, others } = await followerOf(system, random)
    return others.map((other): Pair => [other, one])
  }),
  partition('no other hears a follower', async (system, random) => {
    const { one, others } = await followerOf(system, random)
    return others.map((other): Pair => [one, other])
  }),
  partition('the leader hears no client', async (system) => [['clients', (await leaderOf(system)).one]]),
  partition('no client hears the leader', async (system) => [[(await leaderOf(system)).one, 'clients']]),
  partition('the leader and another do not reach each other', async (system, random) => {
    const { one, others } = await leaderOf(system)
    return between([one], [random.pick(others)])
  }),
  {
    ...partition('each apart from the others', () => [...between([0], [1, 2]), ...between([1], [2])]),
    goesOn: false,
  },
  fault('one comes and goes', NONE_MS, true, async (system, random) => {
    const { one, others } = anyOf(random)
    for (let times = 0; times < 6; times++) {
      const end = await cut(system, between([one], [...others, 'clients']))
      await delay(random.between(200, 4_000))
      await end()
      await delay(random.between(200, 3_000))
    }
    return nothing
  }),
]

/** A server that holds the consumers, and does not reach the others, but its clients. */
export const HOLDER_APART: ServerFault = partition(
  'the holder of the consumers apart from the others, but not from its clients',
  async (system) => {
    const { one, others } = sidesOf(system.server.members.indexOf(await consumerLeader(system)))
    return between([one], others)
  },
)

/** Servers whose network is slow. */
export const SLOWNESS: readonly ServerFault[] = [
  fault('a follower on a narrow link', LONG_MS, true, async (system, random) =>
    narrowed(system, random.pick((await leaderOf(system)).others)),
  ),
  fault('the leader on a narrow link', LONG_MS, true, async (system) =>
    narrowed(system, (await leaderOf(system)).one),
  ),
]

/** No fault, for a system that is slow from the start. */
export const NO_FAULT: ServerFault = fault('nothing', SHORT_MS, true, () => nothing)

const nothing: End = () => Promise.resolve()

function fault(
  name: string,
  holdMs: ServerFault['holdMs'],
  goesOn: boolean,
  begin: ServerFault['begin'],
): ServerFault {
  return { name, holdMs, goesOn, begin }
}

function partition(
  name: string,
  pairs: (system: System, random: Random) => Promise<readonly Pair[]> | readonly Pair[],
): ServerFault {
  return fault(name, LONG_MS, true, async (system, random) => cut(system, await pairs(system, random)))
}

/** So many members, chosen at random. */
function some({ server }: System, random: Random, count: number): readonly Member[] {
  const left = [...server.members]
  return Array.from({ length: count }, () => left.splice(random.between(0, left.length - 1), 1)).flat()
}

const leaderNamed = (info: Pick<StreamInfo, 'cluster'>): unknown => info.cluster?.leader

/** The member that leads the queue of the system's Job. */
function queueLeader({ server, store, ref }: System): Promise<Member> {
  return eventually('the queue has a leader', async () => {
    const leader = leaderNamed(await store.manager.streams.info(streamNames(ref()).queue))
    return server.members.find(({ name }) => name === leader)
  })
}

/** The member that has the queue's consumer, of which there is no copy. */
function consumerLeader({ server, store, ref }: System): Promise<Member> {
  return eventually('the consumer has a leader', async () => {
    const { event, ...job } = ref()
    const leader = leaderNamed(await store.manager.consumers.info(streamNames(job).queue, event))
    return server.members.find(({ name }) => name === leader)
  })
}

/** Waits until each copy of each stream of the Job is up to date, as a rollout in Kubernetes waits for readiness. */
export async function copiesAreCurrent({ server, store, ref }: System): Promise<void> {
  await eventually('all copies are up to date', async () => {
    const names = Object.values<string>({ ...streamNames(ref()) })
    const infos = await Promise.all(names.map((name) => store.manager.streams.info(name)))
    const copies = infos.map(
      ({ cluster }) => 1 + (cluster?.replicas ?? []).filter(({ current }) => current).length,
    )
    return copies.every((count) => count === server.members.length)
  })
}

async function killed(members: readonly Member[]): Promise<End> {
  await Promise.all(members.map((member) => member.kill()))
  return async () => {
    await Promise.all(members.map((member) => member.start()))
  }
}

function paused(members: readonly Member[]): End {
  for (const member of members) member.pause()
  return () => {
    for (const member of members) member.resume()
    return Promise.resolve()
  }
}

async function restarted(members: readonly Member[]): Promise<End> {
  await Promise.all(members.map((member) => member.stop()))
  await Promise.all(members.map((member) => member.start()))
  return nothing
}

async function rollingRestarts(system: System, random: Random): Promise<End> {
  for (const member of some(system, random, system.server.members.length)) {
    await member.stop()
    await delay(random.between(500, 2_000))
    await member.start()
    await copiesAreCurrent(system)
  }
  return nothing
}

async function storeLost(system: System, random: Random): Promise<End> {
  const lost = some(system, random, 1)
  const end = await killed(lost)
  await Promise.all(lost.map((member) => member.loseStore()))
  return async () => {
    await end()
    await copiesAreCurrent(system)
  }
}

async function cut({ server }: System, pairs: readonly Pair[]): Promise<End> {
  await server.network().cut(pairs)
  return () => server.network().cut([])
}

async function narrowed({ server }: System, host: number): Promise<End> {
  await server.network().limit(host, NARROW_KBIT)
  return () => server.network().limit(host, undefined)
}

/** A server, and the two others, as hosts of the network. */
interface Sides {
  readonly one: number
  readonly others: readonly [number, number]
}

function sidesOf(one: number): Sides {
  return { one, others: [(one + 1) % 3, (one + 2) % 3] }
}

function anyOf(random: Random): Sides {
  return sidesOf(random.between(0, 2))
}

async function leaderOf(system: System): Promise<Sides> {
  return sidesOf(system.server.members.indexOf(await queueLeader(system)))
}

async function followerOf(system: System, random: Random): Promise<Sides> {
  return sidesOf(random.pick((await leaderOf(system)).others))
}

/** Both ways between each of some places and each of others. */
function between(ones: readonly Place[], others: readonly Place[]): readonly Pair[] {
  return ones.flatMap((one) =>
    others.flatMap((other): Pair[] => [
      [one, other],
      [other, one],
    ]),
  )
}
