import { randomBytes } from 'node:crypto'

import t, { type Test } from 'tap'

import { forEachConcurrently } from '../../../functions/process/concurrency.ts'
import { startCase, type Case } from '../case.fixture.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { binaryEvent, send } from '../http.fixture.ts'
import { jobico, startJobico } from '../jobico.fixture.ts'
import { heldVerdicts } from '../../testing/kept-verdicts.fixture.ts'
import { countVerdicts, openNats, resultOf, verdictCounts, type Nats } from '../nats.fixture.ts'
import { event, job, MODULE, modules, schema } from '../objects.fixture.ts'

const JOB = 'mended'
const EVENT = 'ev1'
const COUNT = 300
const AT_ONCE = 10

t.jobs = 2

/** An event that was sent. */
interface Sent {
  readonly key: string
  readonly id: string
  readonly traceparent: string
}

async function start(t: Test): Promise<{ readonly c: Case; readonly nats: Nats }> {
  const c = await startCase(t, 'dead')
  await c.apply(await modules({ [MODULE]: 'v1' }), schema(), job(JOB, [event(EVENT)]))
  await c.ready(JOB)
  return { c, nats: await openNats(t, c.namespace) }
}

/** Sends events that v1 rejects, each with a trace of its own. */
async function sendMany(url: string): Promise<readonly Sent[]> {
  const sent: Sent[] = []
  await forEachConcurrently(Array(COUNT).keys(), AT_ONCE, async (n) => {
    const traceparent = `00-${randomBytes(16).toString('hex')}-${'b'.repeat(16)}-01`
    const outgoing = binaryEvent({ n, rejectIn: 'v1' }, { traceparent })
    const { status, text } = await send(url, outgoing)
    if (status !== 202) throw new Error(`${url} answered ${status}: ${text}`)
    sent.push({ key: outgoing.key, id: outgoing.headers?.['ce-id'] ?? '', traceparent })
  })
  return sent
}

t.test('dead letters are redriven on a cluster', { buffered: true }, async (t) => {
  const { c, nats } = await start(t)
  const ref = { namespace: c.namespace, job: JOB, event: EVENT }
  const folder = t.testdir({})
  const dead = (...args: readonly string[]) => jobico(c.namespace, folder, 'dead', ...args)
  const counted = (count: number) =>
    eventually(
      `the status counts ${count} dead letters`,
      async () => (await c.job(JOB)).status?.dead === count,
    )

  await countVerdicts(t, nats, ref)
  const sent = await sendMany(await c.url(JOB, EVENT))
  await nats.ended(
    ref,
    sent.map(({ key }) => key),
  )
  await counted(COUNT)
  const [first] = sent as [Sent]
  const filter = ['--code', 'REJECTED', '--since', '1h']
  const list = await dead('list', JOB, first.key, ...filter)
  t.match(list, { code: 0, stdout: new RegExp(`${first.key} +${EVENT} +REJECTED.*not by v1`) }, list.stderr)
  const shown = await dead('show', JOB, first.key, '-o', 'json')
  t.match(JSON.parse(shown.stdout), {
    ...{ state: 'dead', code: 'REJECTED', reason: 'not by v1', module: /^sha256-/ },
    ...{ errors: [{ attempt: 1 }], trace: { traceparent: first.traceparent }, cloudEvent: { id: first.id } },
  })

  const moduleOf = async () => (await c.ready(JOB)).status?.events?.[0]?.module
  const broken = await moduleOf()
  await c.apply(await modules({ [MODULE]: 'v2' }))
  await eventually('the Job has the mended module', async () => (await moduleOf()) !== broken)
  await c.atZero('runner', EVENT)

  const killed = startJobico(c.namespace, folder, 'dead', 'redrive', JOB, '--all', '--rate', '10')
  await eventually('some are done, so that a redrive wakes the runner', async () => {
    return (await verdictCounts(nats, ref)).written > COUNT
  })
  killed.signal('SIGKILL')
  t.match(await killed.finished, { stdout: '' })
  const rest = await dead('redrive', JOB, ...filter, '--rate', '200')
  t.match(rest, { code: 0, stdout: /^redriven \d+/ }, rest.stderr)

  await eventually('all are done, each once, and no dead letter is left', async () => {
    const { written, held } = await verdictCounts(nats, ref)
    if (written > 2 * COUNT) throw new Error(`${written} verdicts were written`)
    return written === 2 * COUNT && held === COUNT
  })
  const verdicts = await nats.ended(
    ref,
    sent.map(({ key }) => key),
  )
  t.ok(verdicts.map(resultOf).every((result) => (result as { version: string }).version === 'v2'))
  t.same(
    verdicts
      .map((verdict) => (verdict.kind === 'done' ? verdict.result : undefined))
      .map((result) => [result?.attributes['causationid'], result?.trace['traceparent']]),
    sent.map(({ id, traceparent }) => [id, traceparent]),
    'ids and traces are kept',
  )
  await counted(0)
})

t.test('dead letters are purged on a cluster', { buffered: true }, async (t) => {
  const c = await startCase(t, 'purge')
  await c.apply(await modules({ [MODULE]: 'v1' }), schema(), job(JOB, [event(EVENT)]))
  await c.ready(JOB)
  const nats = await openNats(t, c.namespace)
  const ref = { namespace: c.namespace, job: JOB, event: EVENT }
  const outgoing = binaryEvent({ reject: 'never' })
  t.match(await send(await c.url(JOB, EVENT), outgoing), { status: 202 })
  await nats.ended(ref, [outgoing.key])
  const folder = t.testdir({})
  const cli = (...args: readonly string[]) => jobico(c.namespace, folder, ...args)
  const unasked = await cli('dead', 'purge', JOB, '--all')
  t.match(unasked, { code: 1, stdout: '', stderr: /nothing was deleted: .* add --yes/ })
  t.match(await cli('dead', 'purge', JOB, '--all', '--yes'), { code: 0, stdout: 'deleted 1\n' })
  t.match(await cli('get', outgoing.key), { code: 1, stderr: /no event with the key/ })
  t.equal(await heldVerdicts(nats.manager, ref), 0)
})
