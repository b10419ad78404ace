import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'

import t from 'tap'
import { parse } from 'yaml'

import { fromWat, handle, RUNTIME } from '../../../functions/guests/test-modules.ts'
import { readModule } from '../../../functions/runner/module-source.ts'
import { digestOf } from '../../../functions/modules/digest.ts'
import { openModuleStore } from '../../../functions/modules/module-store.ts'
import { MiB, startNatsFixture } from '../../testing/nats.fixture.ts'
import { testFolder } from '../../testing/test-folder.fixture.ts'
import { KINDS, type Kind } from '../../../knative/kube/kinds.ts'
import { playNats } from '../../testing/forwarded-nats.fixture.ts'
import { startApiServer, until } from '../../testing/api-server.fixture.ts'
import { runCli } from '../cli.fixture.ts'

const LIMIT = 64 * MiB
const CRD: Kind = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
}
const USER = { manager: 'a-user', force: true }

const good = fromWat(RUNTIME, handle('(i32.const 32)'))
const large = fromWat(RUNTIME.replace('1)', '100)'), handle('(i32.const 32)'))
const most = padded(good, LIMIT)

const nats = await startNatsFixture(t)
const server = await startApiServer(t)
const kube = await server.connect()
const environment = { KUBECONFIG: server.kubeconfig }
const folder = testFolder(t, {
  'ev1.wasm': Buffer.from(good),
  'fresh.wasm': Buffer.from(good),
  'ev2.wasm': Buffer.from(large),
  'most.wasm': most,
  'more.wasm': padded(good, LIMIT + 1),
})
const push = (...args: string[]) => runCli(['push', ...args], folder, { environment })
const store = () => openModuleStore(nats.connection, 'default')

/** A module with a custom section that makes it as long as told. */
function padded(module: Uint8Array, length: number): Buffer {
  const name = Buffer.from('\u0003pad')
  const body = length - module.length - 6
  const leb = [0, 7, 14, 21, 28].map((shift) => ((body >>> shift) & 0x7f) | (shift < 28 ? 0x80 : 0))
  return Buffer.concat([module, Buffer.of(0, ...leb), name, randomBytes(body - name.length)])
}

/** A Job whose events run ev1.wasm and ev2.wasm, the latter with 2 MiB of memory. */
async function applyJob(): Promise<void> {
  const definition = new URL('../../../crds/jobs.jobico.coeux.dev.yaml', import.meta.url)
  await kube.apply(CRD, parse(readFileSync(definition, 'utf8')) as object, USER)
  await until(async () => (await kube.findKind(KINDS.job.apiVersion, KINDS.job.kind)) !== undefined)
  const events = ['ev1', 'ev2'].map((name) => ({
    ...{ name, wasm: `${name}.wasm`, schema: { key: 's' } },
    ...(name === 'ev2' ? { memory: '2Mi' } : {}),
  }))
  const job = { ...KINDS.job, metadata: { namespace: 'default', name: 'shop' }, spec: { events } }
  await kube.apply(KINDS.job, { ...job, plural: undefined, namespaced: undefined }, USER)
}

t.before(async () => {
  await playNats(t, server, nats.server.port)
  await applyJob()
})

t.test('a module is pushed through the API server, and once only', async (t) => {
  const digest = digestOf(good)
  const first = await push('ev1.wasm', './ev1.wasm')
  t.match(first, { code: 0, stderr: /^using the namespace default of .*\n$/ })
  t.match(
    first.stdout,
    new RegExp(
      `^MODULE +DIGEST +BYTES +STATE +USED BY\nev1.wasm +${digest} +${good.length} +sent +shop/ev1\n$`,
    ),
  )
  t.same(await (await store()).read('ev1.wasm'), Buffer.from(good))
  const [again] = JSON.parse((await push('ev1.wasm', '-o', 'json')).stdout) as object[]
  const usedBy = [{ job: 'shop', event: 'ev1' }]
  t.same(again, { name: 'ev1.wasm', digest, size: good.length, sent: false, usedBy })
})

t.test('all faults of all files are told, and nothing is pushed', async (t) => {
  const { code, stdout, stderr } = await push('most.wasm', 'ev2.wasm', 'more.wasm')
  t.match({ code, stdout }, { code: 1, stdout: '' })
  t.match(
    stderr.split('\n').filter((line) => line.startsWith('error: ')),
    [/ev2\.wasm can't be run: .* \(shop\/ev2 runs it with 2Mi/, /more\.wasm has 67108865 bytes/],
  )
  t.equal(await (await store()).find('most.wasm'), undefined)
})

t.test('the largest module there is', async (t) => {
  const digest = digestOf(most)
  t.match(await push('ev1.wasm', 'most.wasm'), {
    code: 0,
    stdout: / unchanged +shop\/ev1\nmost\.wasm .* 67108864 +sent +no Job\n$/,
  })
  await (await store()).put(digest, most)
  const { bytes } = await readModule(nats.connection, 'default', digest)
  t.equal(digestOf(bytes), digest)
})

t.test('--check puts nothing anywhere, with a cluster and without', async (t) => {
  const held = await push('--check', 'fresh.wasm', 'ev2.wasm')
  t.match(held, {
    code: 1,
    stdout: /^MODULE +fresh\.wasm\n[^]*USED BY +no Job that is known\n$/,
    stderr: /its cap is 2 MiB.*shop\/ev2/,
  })
  const json = await runCli(['push', '--check', 'more.wasm', 'ev2.wasm', '-o', 'json'], folder)
  t.match(json, {
    code: 1,
    stderr:
      /^no Jobs are known, so each .* default memory of 64Mi: the kubeconfig[^]*\nerror: more\.wasm has 67108865 bytes/,
  })
  t.match(JSON.parse(json.stdout), [
    { file: 'more.wasm', ok: false },
    { file: 'ev2.wasm', ok: true },
  ])
  const named = await runCli(['push', '--check', 'ev1.wasm', '-n', 'shop'], folder)
  t.match(named, { code: 1, stdout: '', stderr: /^error: the kubeconfig can't be read/ })
  t.equal(await (await store()).find('fresh.wasm'), undefined)
})
