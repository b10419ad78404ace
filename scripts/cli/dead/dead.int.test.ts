import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { jetstreamManager } from '@nats-io/jetstream'
import t, { type Test } from 'tap'

import { readBacklog } from '../../../functions/queues/backlog.ts'
import { forEachConcurrently } from '../../../functions/process/concurrency.ts'
import { eventKey } from '../../../functions/queues/names.ts'
import { heldVerdicts, keepVerdicts, keptVerdicts } from '../../testing/kept-verdicts.fixture.ts'
import { keyOf, newIds, traceOf, writer } from '../../testing/nats.fixture.ts'
import { followOutcomes, type Outcome } from '../../../functions/outcomes/follow-outcomes.ts'
import { createRequests } from '../../../functions/jetstream/requests.ts'
import { connectToDev, edit, startDevCli } from '../../dev/dev.fixture.ts'
import type { RunningInstance } from '../../dev/instance.ts'
import { runCli, startCli, type RunningCli } from '../cli.fixture.ts'
import { testFolder } from '../../testing/test-folder.fixture.ts'

const JOB = 'chained'
const REF = { namespace: 'default', job: JOB }
const EV1 = { ...REF, event: 'ev1' }
const FILES: Readonly<Record<string, string>> = {
  'job.yaml': `apiVersion: jobico.coeux.dev/v1
kind: Job
metadata: {name: ${JOB}}
spec:
  events:
  - {name: ev1, wasm: first.wasm, schema: {key: any}, output: {event: ev2}}
  - {name: ev2, wasm: second.wasm, schema: {key: any}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: any}
data: {any.json: '{"type":"object"}'}
`,
  'assembly/first.ts': `import { parseEvent, reject } from 'jobico'

export function handle(text: string): string | null {
  const event = parseEvent(text)
  return reject('not yet')
}
`,
  'assembly/second.ts': `import { parseEvent } from 'jobico'

export function handle(text: string): string | null {
  return parseEvent(text).dataText
}
`,
}

/** A `jobico dev` with a Job of two events, the first of which hands over to the second, and refuses what it is sent. */
async function startChain(t: Test) {
  const folder = testFolder(t)
  mkdirSync(join(folder, 'assembly'))
  for (const [path, content] of Object.entries(FILES)) writeFileSync(join(folder, path), content)
  const dev = startDevCli(t, folder)
  const [, url = ''] = await dev.waitFor(/(http:\S+\/listener\/ev1)\n/)
  const instance = JSON.parse(readFileSync(join(folder, '.jobico', 'dev.json'), 'utf8')) as RunningInstance
  const connection = await connectToDev(folder, instance.natsUrl)
  const requests = createRequests(connection)
  t.teardown(async () => {
    requests.close()
    await connection.close()
  })
  const manager = await jetstreamManager(connection)
  await keepVerdicts(manager, REF)
  return { folder, dev, url, instance, connection, manager, ...writer(requests) }
}

type Chain = Awaited<ReturnType<typeof startChain>>

/** Sends events of the ids, each with a trace of its own. */
async function send({ url }: Chain, ids: readonly string[]): Promise<void> {
  await forEachConcurrently(ids, 16, async (id) => {
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        ...{ 'content-type': 'application/json', traceparent: traceOf(id) },
        ...{ 'ce-specversion': '1.0', 'ce-id': id, 'ce-source': '/test', 'ce-type': 'test.made' },
      },
      body: JSON.stringify({ id }),
    })
    if (answer.status !== 202) throw new Error(await answer.text())
  })
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition().catch(() => false))) await delay(20)
}

/** How many verdicts there are after so many events died, and so many ended as done: each wrote one. */
function written({ died, done, dead = 0 }: { died: number; done: number; dead?: number }) {
  return { written: died + done, held: done + dead }
}

/** Waits for that much, and gives what there is then. */
async function outcomesOnce(chain: Chain, want: ReturnType<typeof written>) {
  await until(async () => {
    const { written, held } = await outcomes(chain)
    return written >= want.written && held <= want.held
  })
  return await outcomes(chain)
}

async function outcomes({ manager }: Chain) {
  return { written: await keptVerdicts(manager, REF), held: await heldVerdicts(manager, REF) }
}

async function verdicts({ connection }: Chain, event: string, count: number): Promise<Map<string, Outcome>> {
  const found = new Map<string, Outcome>()
  for await (const outcome of followOutcomes(connection, REF, { event, fromNow: false })) {
    found.set(outcome.key, outcome)
    if (found.size === count) break
  }
  return found
}

const COUNT = 1_000
/** Each death takes a batch of its own, so most letters are written as a runner writes them, many in a batch. */
const DEATHS = 50

t.test('dead letters under jobico dev', async (t) => {
  const chain = await startChain(t)
  const { folder, dev, connection } = chain
  const cli = (...args: readonly string[]) => runCli(['dead', ...args], folder)
  const ids = newIds(COUNT)
  const [id = ''] = ids
  await send(chain, ids.slice(0, DEATHS))
  await until(async () => (await readBacklog(connection, REF))?.dead === DEATHS)
  await chain.deadLetterMany(EV1, ids.slice(DEATHS))
  await lettersAreShown(t, chain, id)

  edit(join(folder, 'assembly', 'first.ts'), "return reject('not yet')", 'return event.dataText')
  await dev.waitFor(/reloaded runner\/ev1\n/)
  const start = performance.now()
  const redriven = await cli('redrive', JOB, '--all', '--rate', '200')
  t.match(
    redriven,
    { code: 0, stdout: `redriven ${COUNT}\n`, stderr: /^using jobico dev of / },
    redriven.stderr,
  )
  t.comment(`${COUNT} redriven in ${Math.round(performance.now() - start)} ms`)
  const all = { died: COUNT, done: 2 * COUNT }
  const kept = await outcomesOnce(chain, written(all))
  t.same(kept, written(all), 'all done, each once, and no dead letter left')
  t.match(await readBacklog(connection, REF), { pending: 0, dead: 0 })
  await allIsKept(t, chain, ids)
  t.match(
    await cli('redrive', JOB, '--all'),
    { code: 0, stderr: /there are no dead letters/ },
    'nothing is left',
  )

  await brokenOff(t, chain, all)
  await lettersArePurged(t, chain)
})

/** Results have the ids and traces of the events as they were sent, and so has what the next event was handed. */
async function allIsKept(t: Test, chain: Chain, ids: readonly string[]): Promise<void> {
  const [first, second] = [await verdicts(chain, 'ev1', COUNT), await verdicts(chain, 'ev2', COUNT)]
  const handedOver = `/namespaces/default/jobs/${JOB}/events/ev1`
  t.same(
    ids.map((id) => causeOf(first.get(keyOf(id)))),
    ids.map((id) => ({ id, source: '/test', traceparent: traceOf(id) })),
  )
  t.same(
    ids.map((id) => causeOf(second.get(eventKey(handedOver, keyOf(id))))),
    ids.map((id) => ({ id: keyOf(id), source: handedOver, traceparent: traceOf(id) })),
  )
}

function causeOf(outcome: Outcome | undefined) {
  if (outcome?.verdict.kind !== 'done') return outcome
  const { attributes, trace } = outcome.verdict.result
  return { id: attributes['causationid'], source: attributes['causationsource'], ...trace }
}

/** Letters can be listed and shown, and nothing is changed by a dry run, or by a purge that nobody confirms. */
async function lettersAreShown(t: Test, chain: Chain, id: string): Promise<void> {
  const cli = (...args: readonly string[]) => runCli(['dead', ...args], chain.folder)
  const key = keyOf(id)
  const list = await cli('list', JOB, key, '--since', '1h', '-c', 'REJECTED')
  t.match(list, { code: 0, stdout: new RegExp(`^KEY.*\n${key} +ev1 +REJECTED.*not yet\n$`) })
  const others = await cli('list', JOB, '-c', 'TIMEOUT')
  t.match(others, { code: 0, stdout: '', stderr: /there are no such dead letters/ })
  const { stdout: text } = await cli('show', JOB, key)
  t.match(text, new RegExp(`^key +${key}\nevent +ev1\nstate +dead\n[^]*id +${id}\n[^]*traceparent +00-`))
  const { stdout: json } = await cli('show', JOB, key, '-o', 'json')
  t.match(JSON.parse(json), {
    ...{ key, event: 'ev1', state: 'dead', code: 'REJECTED', reason: 'not yet', attempts: 1 },
    ...{ module: /^sha256-[0-9a-f]{64}$/, errors: [{ attempt: 1, code: 'REJECTED', reason: 'not yet' }] },
    cloudEvent: { id, source: '/test', data: { id } },
  })
  t.match(await cli('show', JOB, key, '--data'), { code: 0, stdout: JSON.stringify({ id }) })
  const none = await cli('show', JOB, 'a'.repeat(26))
  t.match(none, { code: 1, stderr: /no dead letter of chained has the key a{26}; see/ })

  const dry = await cli('redrive', JOB, '--all', '--dry-run')
  t.match(dry, { code: 0, stderr: new RegExp(`would redrive ${COUNT}\n$`) })
  t.match(
    dry.stdout,
    /^KEY {25}EVENT {7}CODE {14}TIME {22}REASON\n\w{26} {2}ev1 {9}REJECTED {10}\S{24} {2}not yet\n/,
  )
  t.equal(dry.stdout.match(/^\w{26} {2}ev1 +REJECTED/gm)?.length, COUNT)
  const unknown = await cli('redrive', JOB, '-e', 'ev')
  t.match(unknown, { code: 1, stderr: /there is no event ev in .*; did you mean ev1\?/ })
  t.match(await cli('purge', JOB, '--all'), {
    ...{ code: 1, stdout: '' },
    stderr: new RegExp(
      `EVENT +CODE +LETTERS\nev1 +REJECTED +${COUNT}\nerror: nothing was deleted: .* add --yes`,
    ),
  })
  t.same(await outcomes(chain), written({ died: COUNT, done: 0, dead: COUNT }))
}

/** A redrive that is killed, told to end, and that loses NATS, loses nothing and does nothing twice. */
async function brokenOff(t: Test, chain: Chain, before: { died: number; done: number }): Promise<void> {
  const { folder, instance } = chain
  const ids = newIds(400)
  await chain.deadLetterMany(EV1, ids)
  const after = { died: before.died + ids.length, done: before.done + 2 * ids.length }
  const doneMore = async () => (await outcomes(chain)).written - after.died - before.done
  const whenDone = async (atLeast: number, step: (running: RunningCli) => void) => {
    const running = startCli(['dead', 'redrive', JOB, '--event', 'ev1', '--rate', '100'], folder)
    await until(async () => (await doneMore()) >= atLeast)
    step(running)
    return await running.finished
  }
  const killed = await whenDone(100, (running) => running.signal('SIGKILL'))
  t.match(killed, { code: null, stdout: '' })
  const told = await whenDone(300, (running) => running.signal('SIGINT'))
  t.match(told, {
    code: 1,
    stdout: /^redriven \d+/,
    stderr: /error: not all was sent: it was interrupted; run the/,
  })
  const last = await whenDone(500, () => process.kill(instance.natsPid, 'SIGKILL'))
  t.match(last, { code: 0, stdout: /^redriven \d+/ }, `${last.stdout}${last.stderr}`)
  t.same(await outcomesOnce(chain, written(after)), written(after), 'all done, each once')
  const done = await verdicts(chain, 'ev1', COUNT + ids.length)
  t.same(
    ids.filter((id) => done.get(keyOf(id))?.verdict.kind !== 'done'),
    [],
    'every one of them',
  )
}

/** What is purged is unknown, and nothing else is. */
async function lettersArePurged(t: Test, chain: Chain): Promise<void> {
  const before = await outcomes(chain)
  const ids = newIds(3)
  await chain.deadLetterMany(EV1, ids)
  const key = keyOf(ids[0] ?? '')
  const cli = (...args: readonly string[]) => runCli(args, chain.folder)
  const one = await cli('dead', 'purge', JOB, key, '--yes', '-o', 'json')
  t.match(one, { code: 0, stderr: /\nev1 +REJECTED +1\n$/ })
  t.match(JSON.parse(one.stdout), { deleted: 1, pending: 0, missing: [] })
  t.match(await cli('get', key), { code: 1, stderr: /no event with the key \w{26} is known/ })
  t.match(await cli('dead', 'purge', JOB, '--all', '--yes'), { code: 0, stdout: 'deleted 2\n' })
  t.equal((await outcomes(chain)).held, before.held, 'no verdict is left')
  const again = await cli('dead', 'purge', JOB, key, '--yes')
  t.match(again, { code: 1, stderr: /no dead letter of chained has the key/ })
}
