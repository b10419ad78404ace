import { setTimeout as delay } from 'node:timers/promises'

import type { Test } from 'tap'

import { eventually } from '../../testing/eventually.fixture.ts'
import { countPending } from '../ledger/stream-contents.ts'
import type { Random } from '../ledger/random.ts'
import { startSender, type Sent } from '../ledger/sender.ts'
import type { ServerOptions } from '../system/server.fixture.ts'
import { startSystem, type System } from '../system/system.fixture.ts'
import { auditCase, randomOf } from './audit.fixture.ts'
import { copiesAreCurrent, type ServerFault } from './server-faults.fixture.ts'

/** Within this time after a fault is over, all events are to have their verdicts. */
const SETTLED_WITHIN_MS = 15_000
const PER_SECOND = 20

/** A case with three servers. */
export interface ThreeCase {
  readonly name: string
  /** The faults, which come one after the other. */
  readonly faults: (random: Random) => readonly ServerFault[]
  readonly server?: ServerOptions
}

/** What was seen in one round. */
interface Round {
  readonly sent: readonly Sent[]
  /** Milliseconds until 202 of the events that were sent during the fault. */
  readonly times: readonly number[]
}

/** Runs the faults of a case under load, and audits all events. Prints how long answers and verdicts took. */
export function threeCase(t: Test, { name, faults, server }: ThreeCase): void {
  void t.test(name, async (t) => {
    const random = randomOf(name)
    const system = await startSystem(t, {
      events: [{ name: 'ev1', listeners: 2, runners: 2 }],
      ...(server === undefined ? {} : { server }),
    })
    const rounds: Round[] = []
    const meanwhile: number[] = []
    for (const fault of faults(random)) {
      const round = await runRound(t, system, { fault, random, prefix: `round-${rounds.length}` })
      rounds.push(round)
      if (fault.goesOn) meanwhile.push(...round.times)
    }
    if (meanwhile.length > 0) t.comment(`${name}: with one of three away, ${spread(meanwhile)}`)
    const sent = rounds.flatMap((round) => round.sent)
    const { contents } = await auditCase(t, { fault: name, system, sent })
    const died = [...contents.endings].filter(([, { code }]) => code === 'PROCESS_DIED')
    t.same(died, [], 'no event is dead for the death of a process')
    t.same(system.notes, [], 'no process has ended')
  })
}

interface RoundOptions {
  readonly fault: ServerFault
  readonly random: Random
  readonly prefix: string
}

async function runRound(t: Test, system: System, { fault, random, prefix }: RoundOptions): Promise<Round> {
  const sender = startSender({ target: () => system.target(), perSecond: PER_SECOND, random, prefix })
  await delay(random.between(1_000, 2_000))
  const first = sender.sent.length
  const [began, end] = [performance.now(), await fault.begin(system, random)]
  await delay(random.between(...fault.holdMs))
  const last = sender.sent.length
  const heldMs = performance.now() - began
  await end()
  const over = performance.now()
  const sent = await sender.stop()
  const acceptedMs = performance.now() - over
  await t.resolves(
    settled(system, SETTLED_WITHIN_MS - acceptedMs),
    `${fault.name}: all is settled within ${SETTLED_WITHIN_MS / 1_000} s after it is over`,
  )
  const settledMs = performance.now() - over
  // With a copy that is behind, the next fault would leave only one server that can go on.
  await copiesAreCurrent(system)
  const currentMs = performance.now() - over
  const times = sent.slice(first, last).map(({ answers }) => timeToAccept(answers))
  t.comment(
    `${fault.name}, for ${seconds(heldMs)}: ${spread(times)}; ` +
      `after its end all were accepted in ${seconds(acceptedMs)} and settled in ${seconds(settledMs)}, ` +
      `and all copies up to date in ${seconds(currentMs)}`,
  )
  return { sent, times }
}

async function settled(system: System, withinMs: number): Promise<void> {
  await eventually(
    'no event is pending',
    async () => {
      const pending = await countPending(system.store, system.ref())
      if (pending > 0) throw new Error(`${pending} messages wait`)
      return true
    },
    { withinMs },
  )
}

/** Milliseconds from the first request with an event to its 202, as a client sees it that sends again. */
function timeToAccept(answers: Sent['answers']): number {
  const [first, last] = [answers[0], answers.at(-1)]
  return first === undefined || last === undefined ? NaN : last.endedAt - first.endedAt + first.ms
}

function spread(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (share: number) =>
    seconds(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN)
  return times.length === 0
    ? 'nothing was sent'
    : `202 after p50 ${at(0.5)}, p95 ${at(0.95)}, at most ${at(1)} (${times.length} events)`
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(2)} s`
