import { setTimeout as delay } from 'node:timers/promises'

import { jetstreamManager } from '@nats-io/jetstream'
import t from 'tap'

import { heldVerdicts, keepVerdicts, keptVerdicts } from '../testing/kept-verdicts.fixture.ts'
import { PERSON } from '../cli/cli.fixture.ts'
import { connectToDev, startEchoHere } from './dev.fixture.ts'
import { testFolder } from '../testing/test-folder.fixture.ts'

const REF = { namespace: 'default', job: 'job-for-ev1' }
const EVENTS = 1_000
const SENDERS = 16
/** The ack wait is over for what the killed runner held, and more. */
const DONE_LIMIT_MS = 90_000

t.test(
  'every event that was accepted is done, whichever processes are killed',

  async (t) => {
    const folder = testFolder(t)
    const { dev, notes } = await startEchoHere(t, folder)
    const url = dev.instance().events[0]?.url ?? ''

    const connection = await connectToDev(folder, dev.instance().natsUrl)
    t.teardown(() => connection.close())
    const manager = await jetstreamManager(connection)
    await keepVerdicts(manager, REF)
    const kills: readonly [afterEvents: number, pid: () => number][] = [
      [200, () => dev.pids().get('runner/ev1') ?? NaN],
      [400, () => dev.pids().get('listener/ev1') ?? NaN],
      [600, () => dev.instance().natsPid],
      [800, () => dev.pids().get('runner/ev1') ?? NaN],
    ]
    const keys: string[] = []
    let next = 0
    const sender = async () => {
      for (let index = next++; index < EVENTS; index = next++) {
        const kill = kills.find(([after]) => after === index)
        if (kill !== undefined) process.kill(kill[1](), 'SIGKILL')
        keys.push(await sendUntilAccepted(url, `event-${index}`))
      }
    }
    await Promise.all(Array.from({ length: SENDERS }, sender))
    t.equal(new Set(keys).size, EVENTS)

    const states = await Promise.all(keys.map((key) => finalState(`${url}/events/${key}`)))
    t.same([...new Set(states)], ['done'])
    const verdicts = [await keptVerdicts(manager, REF), await heldVerdicts(manager, REF)]
    t.same(verdicts, [EVENTS, EVENTS], 'one verdict each')
    for (const what of [
      /^the runner of ev1 ended \(SIGKILL\)/,
      /^the listener of ev1 ended/,
      /^nats-server ended/,
    ])
      t.ok(
        notes().some((note) => what.test(note)),
        String(what),
      )
  },
)

/** Sends an event again until it is accepted, as the answer 503 asks for; gives its key. */
async function sendUntilAccepted(url: string, id: string): Promise<string> {
  const headers = {
    'ce-specversion': '1.0',
    'ce-id': id,
    'ce-source': '/crash',
    'ce-type': 't',
    'content-type': 'application/json',
  }
  for (;;) {
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(PERSON) })
    const text = await answer.text()
    if (answer.status === 202) return (JSON.parse(text) as { accepted: [{ key: string }] }).accepted[0].key
    if (answer.status !== 503) throw new Error(`${answer.status}: ${text}`)
    await delay(100)
  }
}

/** The state of an event once it is no longer pending. */
async function finalState(url: string): Promise<string> {
  const deadline = performance.now() + DONE_LIMIT_MS
  for (;;) {
    const answer = await fetch(url)
    const { state = String(answer.status) } = (await answer.json()) as { state?: string }
    if (state !== 'pending' && state !== '503') return state
    if (performance.now() > deadline) return state
    await delay(250)
  }
}
