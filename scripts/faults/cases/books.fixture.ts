import { createHash } from 'node:crypto'
import { appendFileSync } from 'node:fs'

import type { Test } from 'tap'

import { eventually } from '../../testing/eventually.fixture.ts'
import { faultsConfig } from '../config.ts'
import { balance, type Balance, type Entry, type Holding } from '../ledger/books.ts'
import { countPending, readHolding } from '../ledger/holding.ts'
import { createRandom, type Random } from '../ledger/random.ts'
import type { Sent } from '../ledger/sender.ts'
import type { Row } from '../ledger/table.ts'
import type { System } from '../system/system.fixture.ts'
import { sendAndWait, wrongAnswers } from './answers.fixture.ts'

/** Twice the ack wait, after which the events of a killed process are redelivered, plus time for suspects, which run alone. */
const DRAIN_LIMIT_MS = 180_000

/** The books of a case: the events that it sent, and the system that had to handle them. */
export interface Books {
  /** The name of the case in the table. */
  readonly fault: string
  readonly system: System
  readonly sent: readonly Pick<Sent, 'key' | 'wish' | 'accepted'>[]
  /** The events of the Job that the books cover; all of them when writes are counted. Default: ev1. */
  readonly events?: readonly string[]
  /** False when the outcome stream was replaced, so that its writes can't be counted. */
  readonly countsWrites?: boolean
}

/** The random numbers of a case. They depend only on the seed and the case, so a case repeats them when it runs alone. */
export function randomOf(fault: string): Random {
  const { seed } = faultsConfig()
  return createRandom(createHash('sha256').update(`${seed} ${fault}`).digest().readUInt32LE())
}

/** Waits until no event of the system's Job is pending, then balances the books, adds them to the table, and checks them. */
export async function closeBooks(
  t: Test,
  books: Books,
): Promise<{ readonly closed: Balance; readonly holding: Holding }> {
  const { fault, system, events = ['ev1'] } = books
  await eventually(
    `${fault}: nothing is pending`,
    async () => {
      const pending = await countPending(system.store, system.ref())
      if (pending > 0) throw new Error(`${pending} messages wait`)
      return true
    },
    { withinMs: DRAIN_LIMIT_MS },
  )
  const holdings = await eventually('NATS shows its books', () =>
    Promise.all(
      events.map(async (event) => [event, await readHolding(system.store, system.ref(event))] as const),
    ),
  )
  const holding = merged(holdings.map(([, ofEvent]) => ofEvent))
  const written = books.countsWrites === false ? undefined : holding.written
  const closed = balance(entriesOf(books), { ...holding, written })
  writeRow({ fault, ...closed, lost: closed.lost.length })
  checkBooks(t, closed)
  for (const [event, { endings }] of holdings) {
    await Promise.all(system.children('listener', event).map((child) => child.serves()))
    t.same(await wrongAnswers(system, event, endings), [], `listeners of ${event} say what the books say`)
    t.equal(
      await sendAndWait(system, event),
      200,
      `what is sent to ${event} now has its result in the answer`,
    )
  }
  return { closed, holding }
}

/** Checks that nothing is lost, wrong or left pending. */
export function checkBooks(t: Test, { lost, wrong, pending }: Balance): void {
  t.same(lost, [], 'every event that was accepted is pending, done or dead')
  t.same(wrong, [], 'every event has one verdict, and the right one')
  t.equal(pending, 0, 'nothing is left pending')
}

/** Merges the holdings of events into one. Keys do not clash: a result is an event with a key of its own. */
function merged(holdings: readonly Holding[]): Holding {
  return {
    pending: new Set(holdings.flatMap(({ pending }) => [...pending])),
    endings: new Map(holdings.flatMap(({ endings }) => [...endings])),
    written: holdings[0]?.written,
  }
}

function entriesOf({ sent, system }: Books): readonly Entry[] {
  return sent.map(({ key, wish, accepted }) => ({
    ...{ key, wish, accepted },
    executions: system.executions.get(key) ?? 0,
  }))
}

function writeRow(row: Row): void {
  appendFileSync(faultsConfig().resultsFile, `${JSON.stringify(row)}\n`)
}
