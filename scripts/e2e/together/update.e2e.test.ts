import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import t, { type Test } from 'tap'

import { startCase, timed, type Case } from '../case.fixture.ts'
import { jobico } from '../jobico.fixture.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { startFlow, type Flow } from '../flow.fixture.ts'
import { accepted, binaryEvent, send } from '../http.fixture.ts'
import { openNats, resultOf, type Nats } from '../nats.fixture.ts'
import { event, job, moduleFile, modules, schema } from '../objects.fixture.ts'

const JOB = 'update'
/** The event whose module is in a ConfigMap, and the one whose module is pushed. */
const MAP = 'map'
const PUSHED = 'pushed'
const EVENTS = [MAP, PUSHED]
const ANYTHING = { type: 'object' }
/** The data of the flow passes both schemas. */
const NOTED = { type: 'object', properties: { note: { type: 'string' } } }

interface Scene {
  readonly c: Case
  readonly nats: Nats
  readonly urls: Readonly<Record<string, string>>
  push(version: string): Promise<void>
}

async function startScene(t: Test): Promise<Scene> {
  const c = await startCase(t, 'update')
  const nats = await openNats(t, c.namespace)
  const folder = t.testdir({})
  const push = async (version: string) => {
    const file = join(folder, `${PUSHED}.wasm`)
    copyFileSync(moduleFile(version), file)
    const { code, stderr } = await jobico(c.namespace, folder, 'push', file)
    if (code !== 0) throw new Error(stderr)
  }
  await c.apply(
    await modules({ [`${MAP}.wasm`]: 'v1' }),
    schema(ANYTHING),
    job(
      JOB,
      EVENTS.map((name) => event(name, { wasm: `${name}.wasm` })),
    ),
  )
  await push('v1')
  await c.ready(JOB)
  const urls = { [MAP]: await c.url(JOB, MAP), [PUSHED]: await c.url(JOB, PUSHED) }
  return { c, nats, urls, push }
}

/** Waits until events are run by a version of the code. */
async function serves({ c, nats, urls }: Scene, name: string, version: string): Promise<void> {
  await eventually(`${name} is run by ${version}`, async () => {
    const key = await accepted(urls[name] ?? '', { n: 1 })
    const [verdict] = await nats.ended({ namespace: c.namespace, job: JOB, event: name }, [key])
    return (resultOf(verdict) as { version: string }).version === version
  })
}

/** Waits until an event with a note that is a number gets a status. */
async function answersNote({ urls }: Scene, name: string, status: number): Promise<void> {
  await eventually(`${name} answers a note that is a number with ${status}`, async () => {
    const answer = await send(urls[name] ?? '', binaryEvent({ note: 5 }))
    return answer.status === status
  })
}

t.test('new versions under load, and bad ones', async (t) => {
  const scene = await startScene(t)
  const { c, nats, urls, push } = scene
  const both = (look: (name: string) => Promise<void>) => Promise.all(EVENTS.map(look))

  await t.test('new modules and a new schema, while events flow', async (t) => {
    const flows = EVENTS.map((name): [string, Flow] => [name, startFlow(urls[name] ?? '', (n) => ({ n }))])
    await both((name) => serves(scene, name, 'v1'))
    await timed('a new module, from its change to the new code serving', async () => {
      await Promise.all([push('v2'), c.apply(await modules({ [`${MAP}.wasm`]: 'v2' }))])
      await both((name) => serves(scene, name, 'v2'))
    })
    await both((name) => answersNote(scene, name, 202))
    await timed('a new schema, from its change to the new one serving', async () => {
      await c.apply(schema(NOTED))
      await both((name) => answersNote(scene, name, 422))
    })
    for (const [name, flow] of flows) {
      const flowed = await flow.stop()
      t.same(flowed.refused, [], `${name}: every event was answered with 202`)
      t.ok(flowed.accepted.length > 0, `${name}: ${flowed.accepted.length} events came`)
      const ref = { namespace: c.namespace, job: JOB, event: name }
      const verdicts = await nats.ended(ref, flowed.accepted)
      t.same(
        verdicts.filter(({ kind }) => kind !== 'done'),
        [],
        `${name}: and each was done`,
      )
    }
    await c.ready(JOB)
  })

  await t.test('bad ones: the old ones serve on, also from zero', async (t) => {
    const folder = t.testdir({})
    const bad = join(folder, `${PUSHED}.wasm`)
    writeFileSync(bad, 'no module')
    t.match(
      await jobico(c.namespace, folder, 'push', bad),
      { code: 1, stderr: /is no WebAssembly/ },
      'a bad module is not pushed',
    )
    await c.apply(await modules({ [`${MAP}.wasm`]: Buffer.from('no module') }), schema({ type: 'objekt' }))
    await c.condition(JOB, {
      type: 'ModulesReady',
      status: 'False',
      reason: 'ModuleInvalid',
      message: /map\.wasm/,
    })
    await c.condition(JOB, {
      type: 'SchemasReady',
      status: 'False',
      reason: 'SchemaInvalid',
      message: /at \/type/,
    })
    await both((name) => serves(scene, name, 'v2'))
    await both((name) =>
      Promise.all([c.atZero('listener', name), c.atZero('runner', name)]).then(() => undefined),
    )
    await both((name) => answersNote(scene, name, 422))
    await both((name) => serves(scene, name, 'v2'))
    t.match((await c.job(JOB)).status, { eventsReady: '2/2' }, 'the status says that both serve')
  })

  await t.test('and a good one heals', async () => {
    await Promise.all([push('v3'), c.apply(await modules({ [`${MAP}.wasm`]: 'v3' }), schema(ANYTHING))])
    await c.ready(JOB)
    await both((name) => serves(scene, name, 'v3'))
    await both((name) => answersNote(scene, name, 202))
  })
})
