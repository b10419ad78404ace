import { setTimeout as delay } from 'node:timers/promises'

import type { Installation, OperatorProcess } from './installation.ts'
import {
  natsTraffic,
  operatorCounts,
  processUse,
  routeTraffic,
  type OperatorCounts,
  type ProcessUse,
  type Traffic,
} from './use.ts'

const MIB = 2 ** 20
const MINUTE_S = 60
/** The operator writes counts into a status at most every 30 s: if nothing was written for longer, nothing is left to write. */
const QUIET_MS = 40_000
const POLL_MS = 1_000

/** What a process took at rest. */
export interface RestUse {
  /** Percent of one core. */
  readonly cpu: number
  readonly memoryMiB: number
  /** The most it ever had, such as while Jobs were made. */
  readonly peakMiB: number
}

/** What went over a link at rest. */
export interface RestTraffic {
  readonly messagesAMinute: number
  readonly kibAMinute: number
}

/** An installation at rest. */
export interface Rest {
  readonly seconds: number
  /** The operator that leads. */
  readonly operator: RestUse
  /** The other one, whose scaler KEDA asks. */
  readonly scaler: RestUse
  /** Each NATS server. */
  readonly nats: readonly RestUse[]
  /** All of the above together. */
  readonly cpu: number
  /** Of both operators, per minute. */
  readonly kube: { readonly reads: number; readonly writes: number; readonly leaseWrites: number }
  readonly reconcilesAMinute: number
  readonly operatorAndNats: RestTraffic
  readonly scalerAndNats: RestTraffic
  readonly betweenNatsServers: RestTraffic
}

interface Snapshot {
  readonly at: number
  readonly processes: readonly ProcessUse[]
  readonly counts: readonly OperatorCounts[]
  readonly operatorTraffic: Traffic
  readonly scalerTraffic: Traffic
  readonly routes: Traffic
}

/** Waits until nothing is written any more, then measures for so many seconds. */
export async function measureRest(installation: Installation, seconds: number): Promise<Rest> {
  await quiet(installation)
  const before = await snapshot(installation)
  await delay(seconds * 1_000)
  return compare(before, await snapshot(installation))
}

/** Waits until the operators have written nothing but their Lease for some time. */
async function quiet({ leader, standby }: Installation): Promise<void> {
  let [writes, since] = [-1, performance.now()]
  while (performance.now() - since < QUIET_MS) {
    const now = sum(await counts([leader, standby]), ({ writes }) => writes)
    if (now !== writes) [writes, since] = [now, performance.now()]
    await delay(POLL_MS)
  }
}

async function counts(operators: readonly OperatorProcess[]): Promise<readonly OperatorCounts[]> {
  return await Promise.all(operators.map(operatorCounts))
}

async function snapshot({ leader, standby, servers }: Installation): Promise<Snapshot> {
  const pids = [leader, standby, ...servers].map(({ pid }) => pid)
  return {
    processes: await Promise.all(pids.map(processUse)),
    counts: await counts([leader, standby]),
    operatorTraffic: await natsTraffic(servers, leader.connectionName('operator')),
    scalerTraffic: await natsTraffic(servers, standby.connectionName('scaler')),
    routes: await routeTraffic(servers),
    at: performance.now(),
  }
}

/** What was used between two moments. Pure. */
function compare(before: Snapshot, after: Snapshot): Rest {
  const seconds = (after.at - before.at) / 1_000
  const aMinute = (count: number) => round((count * MINUTE_S) / seconds)
  const [operator = NOTHING, scaler = NOTHING, ...nats] = after.processes.map((now, index) =>
    useOf(before.processes[index] ?? now, now, seconds),
  )
  const grown = (field: keyof OperatorCounts) =>
    aMinute(sum(after.counts, (each) => each[field]) - sum(before.counts, (each) => each[field]))
  const traffic = (field: 'operatorTraffic' | 'scalerTraffic' | 'routes'): RestTraffic => ({
    messagesAMinute: aMinute(after[field].messages - before[field].messages),
    kibAMinute: aMinute((after[field].bytes - before[field].bytes) / 1_024),
  })
  return {
    seconds: Math.round(seconds),
    operator,
    scaler,
    nats,
    cpu: round(sum([operator, scaler, ...nats], ({ cpu }) => cpu)),
    kube: { reads: grown('reads'), writes: grown('writes'), leaseWrites: grown('leaseWrites') },
    reconcilesAMinute: grown('reconciles'),
    operatorAndNats: traffic('operatorTraffic'),
    scalerAndNats: traffic('scalerTraffic'),
    betweenNatsServers: traffic('routes'),
  }
}

const NOTHING: RestUse = { cpu: 0, memoryMiB: 0, peakMiB: 0 }

function useOf(before: ProcessUse, now: ProcessUse, seconds: number): RestUse {
  return {
    cpu: round(((now.cpuSeconds - before.cpuSeconds) / seconds) * 100),
    memoryMiB: Math.round(now.memoryBytes / MIB),
    peakMiB: Math.round(now.peakBytes / MIB),
  }
}

function sum<T>(all: readonly T[], of: (each: T) => number): number {
  return all.reduce((total, each) => total + of(each), 0)
}

/** Two digits after the point. */
function round(value: number): number {
  return Math.round(value * 100) / 100
}
