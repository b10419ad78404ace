import t from 'tap'

import { eventKey, resultSource, streamNames } from '../../../functions/queues/names.ts'
import { startSender, type Sent } from '../ledger/sender.ts'
import type { Child } from '../system/child.fixture.ts'
import type { ProxiedMessage, Proxy } from '../system/proxy.fixture.ts'
import { startSystem, type System } from '../system/system.fixture.ts'
import { auditCase, randomOf } from './audit.fixture.ts'

/** Between which messages of a process it is to die. */
interface Moment {
  /** The first message that the process's death keeps from passing. */
  readonly before: (message: ProxiedMessage) => boolean
  readonly times: number
}

/** Ends a process at some of its moments, once in each life; resolves when it has done so as often as told. */
function dieAt(child: Child, proxy: Proxy, { before, times }: Moment): Promise<void> {
  return new Promise((resolve) => {
    let deaths = 0
    let isArmed = true
    proxy.judge((message) => {
      if (!isArmed || deaths === times || !before(message)) return 'pass'
      deaths++
      isArmed = false
      child.signal('SIGKILL')
      if (deaths === times) resolve()
      else void child.serves().then(() => (isArmed = true))
      return 'drop'
    })
  })
}

t.test('a listener dies between the acknowledgement of the store and its answer', async (t) => {
  const fault = 'listener SIGKILL between store and answer'
  const random = randomOf(fault)
  const system = await startSystem(t, { proxied: { component: 'listener', event: 'ev1' } })
  const { queue } = streamNames(system.ref())
  const times = 4
  const over = dieAt(system.children('listener')[0], system.proxy, {
    before: ({ from, payload }) =>
      from === 'server' &&
      payload.includes(`"stream":"${queue}"`) &&
      payload.includes('"seq":') &&
      random.next() < 0.2,
    times,
  })
  const sender = startSender({ target: () => system.target(), perSecond: 10, random, actions: ['ok'] })
  await over
  const sent = await sender.stop()
  await auditCase(t, { fault, system, sent })
  const duplicates = sent.filter(({ answers }) => answers.at(-1)?.duplicate === true)
  t.ok(duplicates.length >= times, 'what was sent again is known to be stored already')
})

t.test('a runner dies between the hand-over of its result and the verdict', async (t) => {
  const fault = 'runner SIGKILL between hand-over and verdict (chain)'
  const commits = ({ from, subject }: ProxiedMessage, { ref }: System) =>
    from === 'client' &&
    subject.startsWith(`jobico-event.${ref().namespace}.${ref().job}.a.`) &&
    subject.endsWith('.done')
  await chainWithDeaths(t, fault, commits)
})

t.test('a runner dies between the verdict and the deletion of the event from the queue', async (t) => {
  const fault = 'runner SIGKILL between verdict and deletion (chain)'
  const deletes = ({ from, subject }: ProxiedMessage, { ref }: System) =>
    from === 'client' && subject === `$JS.API.STREAM.MSG.DELETE.${streamNames(ref()).queue}`
  await chainWithDeaths(t, fault, deletes)
})

async function chainWithDeaths(
  t: Parameters<typeof auditCase>[0],
  fault: string,
  before: (message: ProxiedMessage, system: System) => boolean,
): Promise<void> {
  const random = randomOf(fault)
  const system = await startSystem(t, {
    events: [{ name: 'a', output: 'b' }, { name: 'b' }],
    proxied: { component: 'runner', event: 'a' },
  })
  const over = dieAt(system.children('runner', 'a')[0], system.proxy, {
    before: (message) => before(message, system) && random.next() < 0.3,
    times: 2,
  })
  const target = () => system.target('a')
  const sender = startSender({ target, perSecond: 10, random, actions: ['ok'] })
  await over
  const sent = await sender.stop()
  const { contents } = await auditCase(t, {
    ...{ fault, system, events: ['a', 'b'] },
    sent: [...sent, ...sent.map((cause) => resultOf(system, cause))],
  })
  t.equal(contents.endings.size, 2 * sent.length, 'each event, and each output event, has its verdict')
  t.ok([...contents.endings.values()].every(({ kind }) => kind === 'done'))
}

/** The event that b gets for one of a. */
function resultOf(system: System, { key, accepted }: Sent): Pick<Sent, 'key' | 'action' | 'accepted'> {
  return { key: eventKey(resultSource(system.ref('a')), key), action: 'ok', accepted }
}
