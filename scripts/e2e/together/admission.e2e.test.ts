import t from 'tap'

import { badJobs, goodJobs } from '../../../crds/admission-cases.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { startCase } from '../case.fixture.ts'
import { kubectl } from '../kube.fixture.ts'
import { event, job, modules, MODULE, schema } from '../objects.fixture.ts'

const AT_ONCE = 3

/**
 * The API server names the item of a list that has a name twice, not the name; and what is wrong with an object as a whole it
 * says of the object.
 */
const NAMED_DIFFERENTLY: Readonly<Record<string, string>> = {
  'spec.events[1].name': 'spec.events[1]',
  'spec.events[0].env[1].name': 'spec.events[0].env[1]',
}

t.test('what kubectl says', async (t) => {
  const c = await startCase(t, 'words')
  const dryRun = (object: object) =>
    kubectl(['apply', '-n', c.namespace, '--dry-run=server', '-f', '-'], JSON.stringify(object))

  await t.test('explain', async (t) => {
    // The API server publishes the schema of a new CRD a moment after it takes objects of it.
    const text = await eventually('kubectl explains a Job', () =>
      c.kubectl('explain', 'jobs.jobico.coeux.dev.spec.events'),
    )
    t.match(text, /GROUP: +jobico\.coeux\.dev/)
    t.match(text, /KIND: +Job/)
    for (const field of ['name', 'wasm', 'schema', 'timeoutSeconds', 'retry', 'runner', 'listener', 'output'])
      t.match(text, new RegExp(`^  ${field}\\t`, 'm'), `it explains ${field}`)
    t.notMatch(text, /<no description>/, 'and describes each')
  })

  await t.test('wrong Jobs', { jobs: AT_ONCE, timeout: 300_000 }, (t) => {
    for (const { name, job: bad, path } of badJobs) {
      t.test(name, { buffered: true }, async (t) => {
        const { code, stderr } = await dryRun(bad)
        t.equal(code, 1)
        const place = Object.hasOwn(NAMED_DIFFERENTLY, path) ? (NAMED_DIFFERENTLY[path] ?? path) : path
        t.ok(stderr.includes(place), `it names ${place}: ${stderr}`)
      })
    }
    t.end()
  })

  await t.test('right Jobs', { jobs: AT_ONCE, timeout: 300_000 }, (t) => {
    for (const { name, job: good } of goodJobs) {
      t.test(name, { buffered: true }, async (t) => {
        const { code, stdout, stderr } = await dryRun(good)
        t.equal(code, 0, stderr)
        t.match(stdout, /created \(server dry run\)/)
      })
    }
    t.end()
  })

  await t.test('get', async (t) => {
    await c.apply(await modules({ [MODULE]: 'v1' }), schema(), job('shown', [event('ev1'), event('ev2')]))
    await c.ready('shown')
    const table = (...more: readonly string[]) => c.kubectl('get', 'jobs.jobico.coeux.dev', 'shown', ...more)
    const [head = '', row = ''] = (await table()).split('\n')
    t.same(head.split(/ {2,}/), ['NAME', 'READY', 'REASON', 'EVENTS', 'PENDING', 'DEAD', 'AGE'])
    t.match(row, /^shown +True +Ready +2\/2 +0 +0 +\d+[ms]/)
    t.match(await table('-o', 'wide'), /URL[^]*http:\/\/listener-ev1\./)
    t.match(await c.kubectl('get', 'jj'), /shown/, 'by its short name')
    t.match(await c.kubectl('get', 'jobico'), /shown/, 'and its category')
  })
})
