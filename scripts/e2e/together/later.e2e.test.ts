import t from 'tap'

import { eventSubjects, streamNames } from '../../../functions/queues/names.ts'
import { eventState } from '../../../functions/outcomes/event-state.ts'
import { lastMessage } from '../../../functions/jetstream/stored-message.ts'
import { startCase } from '../case.fixture.ts'
import { caseConfig } from '../config.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { accepted } from '../http.fixture.ts'
import { forgetOutcomes, openNats } from '../nats.fixture.ts'
import { event, job, modules, MODULE, schema } from '../objects.fixture.ts'
import { record } from '../times.ts'

const JOB = 'later'
const EVENT = 'ev1'
const AFTER_S = 180

t.test('a retry that is due in three minutes lets the runner go to zero, and wakes it', async (t) => {
  const c = await startCase(t, 'later')
  const nats = await openNats(t, c.namespace)
  const ref = { namespace: c.namespace, job: JOB, event: EVENT }
  const retry = { maxAttempts: 2 }
  await c.apply(await modules({ [MODULE]: 'faults' }), schema(), job(JOB, [event(EVENT, { retry })]))
  await c.ready(JOB)
  const key = await accepted(await c.url(JOB, EVENT), { do: 'retry', after: AFTER_S })

  const parked = await eventually('the retry is parked', () =>
    lastMessage(nats.requests, streamNames(ref).events, eventSubjects(ref).record(key, 'later')),
  )
  const dueMs = Date.parse(/^@at (.*)$/.exec(parked.headers?.get('Nats-Schedule') ?? '')?.[1] ?? '')
  t.equal((await nats.stream(streamNames(ref).queue))?.state.messages, 0, 'it leaves no message in the queue')
  await c.atZero('runner', EVENT)
  t.ok(Date.now() < dueMs, 'the runner is at zero before the retry is due')
  t.match(await eventState(nats.requests, ref, key), { state: 'pending' }, 'and the event is pending')

  const [verdict] = await nats.ended(ref, [key], { withinMs: 2 * AFTER_S * 1_000 })
  t.match(verdict, { kind: 'dead', code: 'RETRY_REQUESTED', attempts: 2 })
  const lateMs = Date.parse(verdict?.time ?? '') - dueMs
  t.ok(lateMs >= 0, 'it runs when it is due')
  record(caseConfig().timesFile, {
    what: 'a parked retry, from its time to its verdict, runner at zero',
    ms: lateMs,
  })
  await forgetOutcomes(nats, ref)
})
