import { createHash } from 'node:crypto'
import { appendFileSync } from 'node:fs'

import type { Test } from 'tap'

import { eventually } from '../../testing/eventually.fixture.ts'
import { faultsConfig } from '../config.ts'
import { auditEvents, type Audit, type Entry, type StreamContents } from '../ledger/audit.ts'
import { countPending, readStreamContents } from '../ledger/stream-contents.ts'
import { createRandom, type Random } from '../ledger/random.ts'
import type { Sent } from '../ledger/sender.ts'
import type { Row } from '../ledger/table.ts'
import type { System } from '../system/system.fixture.ts'
import { sendAndWait, wrongAnswers } from './answers.fixture.ts'

/**
 * Twice the ack wait, after which the events of a killed process are redelivered, plus time for suspects, which run alone.
 */
const DRAIN_LIMIT_MS = 180_000

/** A case whose events are all sent, and the system that had to handle them. */
export interface FinishedCase {
  /** The name of the case in the table. */
  readonly fault: string
  readonly system: System
  readonly sent: readonly Pick<Sent, 'key' | 'action' | 'accepted'>[]
  /** The events of the Job to audit. Default: ev1. */
  readonly events?: readonly string[]
  /** False when the stream of events was replaced, so that no copies of its verdicts were kept. */
  readonly keepsVerdicts?: boolean
  /** True when verdicts had to make room or were purged, so that of some only the copies are left. */
  readonly losesVerdicts?: boolean
}

/** The random numbers of a case. They depend only on the seed and the case, so a case repeats them when it runs alone. */
export function randomOf(fault: string): Random {
  const { seed } = faultsConfig()
  return createRandom(createHash('sha256').update(`${seed} ${fault}`).digest().readUInt32LE())
}

/** Waits until no event of the Job is pending, then audits all events, adds the counts to the table, and checks them. */
export async function auditCase(
  t: Test,
  finished: FinishedCase,
): Promise<{ readonly audit: Audit; readonly contents: StreamContents }> {
  const { fault, system, events = ['ev1'], keepsVerdicts = true, losesVerdicts = false } = finished
  await eventually(
    `${fault}: nothing is pending`,
    async () => {
      const pending = await countPending(system.store, system.ref())
      if (pending > 0) throw new Error(`${pending} messages wait`)
      // A server that has just become the leader of a stream may not have all of its messages yet.
      const contents = await Promise.all(
        events.map((event) => readStreamContents(system.store, system.ref(event))),
      )
      const listed = contents.flatMap((ofEvent) => [...ofEvent.pending])
      if (listed.length > 0) throw new Error(`${listed.join(', ')} wait`)
      return true
    },
    { withinMs: DRAIN_LIMIT_MS },
  )
  const perEvent = await eventually('NATS lists what the streams hold', () =>
    Promise.all(
      events.map(
        async (event) =>
          [
            event,
            await readStreamContents(system.store, system.ref(event), {
              written: keepsVerdicts,
              endings: losesVerdicts,
            }),
          ] as const,
      ),
    ),
  )
  const contents = merged(perEvent.map(([, ofEvent]) => ofEvent))
  const audit = auditEvents(entriesOf(finished), contents)
  writeRow({ fault, ...audit, lost: audit.lost.length })
  checkAudit(t, audit)
  for (const [event, { endings: ofEvent }] of perEvent) {
    const endings = losesVerdicts
      ? (await readStreamContents(system.store, system.ref(event))).endings
      : ofEvent
    await Promise.all(system.children('listener', event).map((child) => child.serves()))
    t.same(
      await wrongAnswers(system, event, endings),
      [],
      `listeners of ${event} answer with the stored verdicts`,
    )
    t.equal(
      await sendAndWait(system, event),
      200,
      `what is sent to ${event} now has its result in the answer`,
    )
  }
  return { audit, contents }
}

/** Checks that nothing is lost, wrong or left pending. */
export function checkAudit(t: Test, { lost, wrong, pending }: Audit): void {
  t.same(lost, [], 'every event that was accepted is pending, done or dead')
  t.same(wrong, [], 'every event has one verdict, and the right one')
  t.equal(pending, 0, 'nothing is left pending')
}

/** Merges the contents of the streams of several events. Keys do not clash: a result is an event with a key of its own. */
function merged(perEvent: readonly StreamContents[]): StreamContents {
  return {
    pending: new Set(perEvent.flatMap(({ pending }) => [...pending])),
    endings: new Map(perEvent.flatMap(({ endings }) => [...endings])),
    written: perEvent.every(({ written }) => written === undefined)
      ? undefined
      : new Map(perEvent.flatMap(({ written }) => [...(written ?? [])])),
  }
}

function entriesOf({ sent, system }: FinishedCase): readonly Entry[] {
  return sent.map(({ key, action, accepted }) => ({
    ...{ key, action, accepted },
    executions: system.executions.get(key) ?? 0,
  }))
}

/** Adds the counts of a case to the table. */
export function writeRow(row: Row): void {
  appendFileSync(faultsConfig().resultsFile, `${JSON.stringify(row)}\n`)
}
