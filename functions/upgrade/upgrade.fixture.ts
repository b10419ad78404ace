import { join } from 'node:path'

import type { Test } from 'tap'

import { allOf } from '../jetstream/manager.ts'
import { eventState, newestRecord } from '../outcomes/event-state.ts'
import { JOBICO_HEADERS } from '../outcomes/verdict.ts'
import type { EventRef } from '../queues/names.ts'
import { startFixture } from '../runner/runner.fixture.ts'
import { oldStreamNames } from './old-layout.ts'
import { makeOldStreams, openOldVersion } from './old-version.fixture.ts'
import { upgradeStreams, type Upgraded } from './upgrade.ts'

export const EVENTS = ['ev1', 'ev2', 'ev3']
export const HOUR_MS = 3_600_000
const OUTPUTS = new Map([['ev1', 'ev2']])

/** A nats-server with Jobs of 0.1.0, in which the results of ev1 go to ev2. */
export async function startUpgradeFixture(t: Test) {
  const fixture = await startFixture(t)
  const old = openOldVersion(fixture.requests.connection)
  const { requests } = old

  /** A Job that has both the streams of 0.1.0 and those of this version. */
  async function newOldJob(): Promise<EventRef> {
    const ref = await fixture.newJob(EVENTS)
    await makeOldStreams(requests.connection, ref, EVENTS)
    return ref
  }

  function upgrade(ref: EventRef, served?: ReadonlySet<string>): Promise<Upgraded> {
    return upgradeStreams(requests.connection, { ref, outputs: OUTPUTS, served })
  }

  async function oldStreamsOf(ref: EventRef): Promise<readonly string[]> {
    const names = Object.values<string>({ ...oldStreamNames(ref) })
    const all = await allOf(fixture.manager.streams.list())
    return all.map(({ config }) => config.name).filter((name) => names.includes(name))
  }

  /** Starts a runner of this version for ev1. */
  async function startRunner(t: Test, ref: EventRef): Promise<void> {
    const schema = join(t.testdir({ 'schema.json': '{}' }), 'schema.json')
    await fixture.startHere(t, ref, { JOBICO_OUTPUT: JSON.stringify({ event: 'ev2', schema }) })
  }

  /** The state of an event, as the tables tell it: who ran it last, and after how many attempts. */
  async function told(ref: EventRef, key: string, event = ref.event): Promise<string> {
    const state = await eventState(requests, { ...ref, event }, key)
    if (state.state === 'unknown') return 'unknown'
    if (state.state === 'pending') {
      const { attempts, redriven } = state.progress
      const record = await newestRecord(requests, { ...ref, event }, key)
      const isSuspect = record?.headers?.get(JOBICO_HEADERS.suspect) === '1'
      const facts = { suspect: isSuspect, redriven, later: record?.kind === 'later' }
      const held = Object.entries(facts).flatMap(([fact, holds]) => (holds ? [fact] : []))
      return ['pending', attempts, ...held].join(' ')
    }
    const by = state.verdict.module === 'sha256-0' ? 'old' : 'new'
    return `${state.state} ${state.verdict.attempts} ${by}`
  }

  return { fixture, old, requests, newOldJob, upgrade, oldStreamsOf, startRunner, told }
}
