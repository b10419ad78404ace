import { unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import t from 'tap'

import { createLog } from '../process/log.ts'
import { bearerAuth } from './http/auth.ts'
import { readConfig } from './config.ts'

const least = {
  NATS_URL: 'nats://nats:4222',
  JOBICO_NAMESPACE: 'shop',
  JOBICO_JOB: 'orders',
  JOBICO_EVENT: 'ev1',
  JOBICO_SCHEMA: 'schema.json',
}

t.test('the least of settings, and the defaults', (t) => {
  t.same(readConfig(least), {
    ref: { namespace: 'shop', job: 'orders', event: 'ev1' },
    natsUrl: 'nats://nats:4222',
    natsCredsFile: undefined,
    schemaFile: 'schema.json',
    host: '0.0.0.0',
    port: 8080,
    metricsPort: 9464,
    maxInFlight: 256,
    maxConnections: 2_048,
    authFile: undefined,
    exposeResults: false,
    logLevel: 'info',
  })
  t.equal(readConfig({ ...least, JOBICO_AUTH_FILE: 'tokens' }).exposeResults, true)
  t.equal(
    readConfig({ ...least, JOBICO_AUTH_FILE: 'tokens', JOBICO_EXPOSE_RESULTS: 'false' }).exposeResults,
    false,
  )
  t.equal(readConfig({ ...least, JOBICO_EXPOSE_RESULTS: 'true' }).exposeResults, true)
  t.end()
})

t.test('settings that are wrong', (t) => {
  const cases: readonly [name: string, value: string][] = [
    ['NATS_URL', ''],
    ['JOBICO_NAMESPACE', 'Shop'],
    ['JOBICO_NAMESPACE', 'x'.repeat(64)],
    ['JOBICO_JOB', 'x'.repeat(41)],
    ['JOBICO_JOB', 'a.b'],
    ['JOBICO_JOB', '-a'],
    ['JOBICO_EVENT', 'elevenchars'],
    ['JOBICO_EVENT', 'a-b'],
    ['JOBICO_SCHEMA', ''],
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['METRICS_PORT', 'x'],
    ['JOBICO_MAX_IN_FLIGHT', '0'],
    ['JOBICO_EXPOSE_RESULTS', 'yes'],
    ['LOG_LEVEL', 'loud'],
  ]
  for (const [name, value] of cases) {
    t.throws(() => readConfig({ ...least, [name]: value }), { code: 'CONFIG_INVALID', message: name }, name)
  }
  t.throws(() => readConfig({}), { message: /NATS_URL.*JOBICO_SCHEMA/s }, 'all faults at once')
  t.end()
})

t.test('bearer tokens', (t) => {
  const file = join(t.testdir({ tokens: 'one\n\n  two \r\n' }), 'tokens')
  const write = (text: string) => {
    writeFileSync(file, text)
  }
  let now = 0
  const log = createLog('silent', {})
  const authorize = bearerAuth(file, log, () => now)
  const cases: readonly [value: string | undefined, isValid: boolean][] = [
    ['Bearer one', true],
    ['bearer  two ', true],
    ['BEARER two', true],
    ['Bearer three', false],
    ['Bearer one two', false],
    ['Bearer ', false],
    ['Bearer', false],
    ['Basic one', false],
    ['one', false],
    ['', false],
    [undefined, false],
  ]
  for (const [value, isValid] of cases) t.equal(authorize(value), isValid, String(value))

  write('three')
  t.equal(authorize('Bearer three'), false, 'not looked at again within a second')
  now += 1_000
  t.equal(authorize('Bearer three'), true)
  t.equal(authorize('Bearer one'), false)

  unlinkSync(file)
  now += 1_000
  t.equal(authorize('Bearer three'), true, 'the last tokens stay while the file is away')
  write('fo ur')
  now += 1_000
  t.equal(authorize('Bearer three'), true, 'and while it is not right')
  write('')
  now += 1_000
  t.equal(authorize('Bearer three'), false, 'an empty file takes all tokens back')

  t.throws(() => bearerAuth(file, log), { code: 'CONFIG_INVALID', message: /no token/ })
  write('a\nb c')
  t.throws(() => bearerAuth(file, log), { code: 'CONFIG_INVALID', message: /line 2/ })
  t.throws(() => bearerAuth(`${file}-none`, log), { code: 'CONFIG_INVALID', message: /can not be read/ })
  t.end()
})
