import { setTimeout as delay } from 'node:timers/promises'

import { connectNats } from '../../functions/jetstream/connection.ts'
import type { EventRef } from '../../functions/queues/names.ts'
import { connectKeda, eventStreams } from './scaler.fixture.ts'

// Does to a scaler what KEDA does: keeps a stream open for each event, and asks for each now and then. Its arguments are the
// URL of NATS and the port of the scaler. The process that has forked it sends what to do, and gets one answer for each.

/** How often KEDA looks at a ScaledObject: its pollingInterval. */
const LOOK_MS = 30_000
/** How soon KEDA opens a stream again that has ended well. */
const REOPEN_MS = 2_000
/** Between two first messages that are measured one after the other. */
const EVERY_MS = 10

/** What the parent asks for. */
type Asked =
  /** Follow these events too; the answer comes when all are known to be idle. */
  | { readonly ask: 'follow'; readonly refs: readonly EventRef[] }
  /** Store a message for each of these events, one after the other or all together, and tell the times to the words. */
  | { readonly ask: 'wake'; readonly refs: readonly EventRef[]; readonly together: boolean }

const [url = '', port = ''] = process.argv.slice(2)
const connection = await connectNats({ url, name: 'bench-keda' })
const streams = await eventStreams(connection)
const keda = connectKeda(Number(port))
/** Those who wait for a word, by the event's path. */
const waiting = new Map<string, { readonly word: boolean; readonly heard: () => void }>()

const pathOf = ({ namespace, job, event }: EventRef) => `${namespace}/${job}/${event}`

async function follow(ref: EventRef): Promise<never> {
  const path = pathOf(ref)
  for (;;) {
    const stream = keda.stream(ref)
    for (;;) {
      const word = await stream.next()
      if (word === 'end') break
      const waiter = waiting.get(path)
      if (waiter?.word === word) waiter.heard()
    }
    await delay(REOPEN_MS)
  }
}

async function lookNowAndThen(ref: EventRef): Promise<never> {
  await delay(LOOK_MS * Math.random())
  for (;;) {
    await keda.isActive(ref)
    await keda.pending(ref)
    await delay(LOOK_MS)
  }
}

/** Resolves with the time of the next such word. */
function heard(ref: EventRef, word: boolean): Promise<number> {
  return new Promise((resolve) => {
    const path = pathOf(ref)
    const tell = () => {
      waiting.delete(path)
      resolve(performance.now())
    }
    waiting.set(path, { word, heard: tell })
  })
}

async function followAll(refs: readonly EventRef[]): Promise<void> {
  const idle = refs.map((ref) => heard(ref, false))
  for (const ref of refs) {
    void follow(ref)
    void lookNowAndThen(ref)
  }
  await Promise.all(idle)
}

/** The times from the PubAck to the word, in milliseconds. The events are idle again at the end. */
async function wakeAll(refs: readonly EventRef[], together: boolean): Promise<readonly number[]> {
  const times: number[] = []
  const stored = new Map<EventRef, number>()
  const wake = async (ref: EventRef) => {
    const word = heard(ref, true)
    const sequence = await streams.accept(ref)
    const acknowledged = performance.now()
    stored.set(ref, sequence)
    times.push((await word) - acknowledged)
  }
  if (together) await Promise.all(refs.map(wake))
  else
    for (const ref of refs) {
      await wake(ref)
      await delay(EVERY_MS)
    }
  const idle = refs.map((ref) => heard(ref, false))
  for (const [ref, sequence] of stored) await streams.settle(ref, sequence)
  await Promise.all(idle)
  return times
}

process.once('disconnect', () => process.exit())
process.on('message', (asked: Asked) => {
  void answerTo(asked).then((answer) => process.send?.({ answer }))
})

async function answerTo(asked: Asked): Promise<readonly number[]> {
  if (asked.ask === 'wake') return await wakeAll(asked.refs, asked.together)
  await followAll(asked.refs)
  return []
}
