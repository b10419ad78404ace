import t from 'tap'

import { neverSinks } from '../../functions/process/never-sinks.ts'
import { liveJob } from '../job.fixture.ts'
import {
  leftOut,
  mayHoldModules,
  readReach,
  REACH_KEYS,
  refusedSecrets,
  refusedSink,
  type Reach,
} from './reach.ts'

const reachOf = (settings: Partial<Record<keyof Reach, string>>): Reach =>
  Object.assign(
    {},
    ...REACH_KEYS.map((key) => (settings[key] === undefined ? {} : readReach(key, settings[key]).reach)),
  ) as Reach

const sinks: readonly {
  readonly setting?: string
  readonly address: string
  /** A part of the message; undefined where it is allowed. */
  readonly want?: RegExp
}[] = [
  { address: 'http://anywhere.example/x' },
  { setting: 'all', address: 'http://anywhere.example' },
  { setting: 'none', address: 'https://a.example', want: /send results nowhere.*`sinks`.*jobico-limits/ },
  { setting: 'https://a.example', address: 'https://a.example/hook?x=1' },
  { setting: 'https://a.example', address: 'https://A.example.:443/' },
  { setting: 'https://a.example', address: 'http://a.example', want: /only to https:\/\/a\.example;/ },
  { setting: 'https://a.example', address: 'https://a.example:8443', want: /only to/ },
  { setting: 'https://a.example', address: 'https://b.a.example', want: /only to/ },
  {
    setting: 'https://a.example',
    address: 'https://a.example@evil.example',
    want: /is https:\/\/evil\.example\//,
  },
  { setting: 'https://a.example', address: 'https://a.example.evil.example', want: /only to/ },
  { setting: 'https://*.example:8443', address: 'https://x.y.example:8443' },
  { setting: 'https://*.example', address: 'https://example', want: /only to/ },
  { setting: 'https://*.example', address: 'https://evilexample', want: /only to/ },
  { setting: 'http://a.example:*', address: 'http://a.example:8080' },
  { setting: 'http://a.example:80', address: 'http://a.example' },
  { setting: 'https://b.example http://*.svc.cluster.local', address: 'http://c.shop.svc.cluster.local' },
  { setting: 'http://[2001:db8::1]', address: 'http://[2001:db8::1]/' },
  { setting: 'http://127.0.0.1', address: 'http://127.0.0.1', want: /machine itself, which never takes/ },
  { address: 'http://169.254.169.254/latest/meta-data', want: /link-local address, which never takes/ },
  { address: 'http://kubernetes.default.svc', want: /name of the API server/ },
  { address: 'http://10.96.0.1:443', want: /address of the API server/ },
]
t.test('where results may go', (t) => {
  const never = neverSinks({ apiServer: '10.96.0.1' })
  for (const { setting, address, want } of sinks) {
    const fault = refusedSink(address, reachOf(setting === undefined ? {} : { sinks: setting }), never)
    const name = `${address} with ${setting ?? 'no setting'}`
    if (want === undefined) t.equal(fault, undefined, name)
    else t.match(fault, { status: 'False', reason: 'SinkNotAllowed', message: want }, name)
  }
  const fault = refusedSink('https://ann:secret@a.example', reachOf({ sinks: 'none' }), never)
  t.notMatch(fault?.message, 'secret')
  t.end()
})

t.test('which Secrets a Job may name', (t) => {
  const [event] = liveJob({ name: 'shop', events: ['a'] }).spec.events
  if (event === undefined) throw new Error('no event')
  const secret = (name: string) => ({ secretKeyRef: { name, key: 'k' } })
  const plain = { name: 'PLAIN', value: 'x' }
  const config = { name: 'CONFIG', valueFrom: { configMapKeyRef: { name: 'any', key: 'k' } } }
  const named = (token: string, variable: string) => ({
    ...event,
    env: [plain, config, { name: 'V', valueFrom: secret(variable) }],
    listener: { ...event.listener, auth: secret(token) },
  })
  const cases = [
    { setting: undefined, token: 'db', variable: 'db', want: {} },
    { setting: 'all', token: 'db', variable: 'db', want: {} },
    { setting: 'jobico-', token: 'jobico-a', variable: 'jobico-b', want: {} },
    { setting: 'hooks jobico-', token: 'hooks', variable: 'jobico-b', want: {} },
    {
      setting: 'jobico-',
      token: 'db',
      variable: 'jobico-b',
      want: {
        listener: /listener\.auth names the Secret db, .* start with jobico-; .*`secrets`.*jobico-limits/,
      },
    },
    {
      setting: 'jobico-',
      token: 'jobico-a',
      variable: 'my-jobico-',
      want: { runner: /env V names the Secret my-/ },
    },
    {
      setting: 'jobico-',
      token: 'jobico-nats',
      variable: 'jobico-nats-keys',
      want: { listener: /jobico-nats, with which Jobico itself/, runner: /-keys, with which Jobico itself/ },
    },
    { setting: undefined, token: 'db', variable: 'jobico-nats', want: { runner: /use another Secret$/ } },
    { setting: 'none', token: 'a', variable: 'b', want: { listener: /no Secrets/, runner: /no Secrets/ } },
  ]
  for (const { setting, token, variable, want } of cases) {
    const refused = refusedSecrets(
      named(token, variable),
      reachOf(setting === undefined ? {} : { secrets: setting }),
    )
    t.same(Object.keys(refused), Object.keys(want), String(setting))
    for (const [part, message] of Object.entries(want))
      t.match(Reflect.get(refused, part), { status: 'False', reason: 'SecretNotAllowed', message })
  }
  t.same(refusedSecrets({ ...event, env: [plain, config] }, reachOf({ secrets: 'none' })), {})
  t.end()
})

t.test('which ConfigMaps modules come from', (t) => {
  t.ok(mayHoldModules('any', reachOf({})))
  t.ok(mayHoldModules('a', reachOf({ moduleConfigMaps: 'a b' })))
  t.notOk(mayHoldModules('c', reachOf({ moduleConfigMaps: 'a b' })))
  t.notOk(mayHoldModules('a', reachOf({ moduleConfigMaps: 'none' })))
  t.equal(leftOut([]), '')
  t.match(leftOut(['c']), /the ConfigMap c is not looked at.*`moduleConfigMaps`/)
  t.end()
})

t.test('a setting that can not be read allows nothing, and says so', (t) => {
  const bad = [
    ['secrets', 'Jobico_'],
    ['secrets', ''],
    ['moduleConfigMaps', 'a/b'],
    ['sinks', 'a.example'],
    ['sinks', 'https://a.example/path'],
    ['sinks', 'https://*'],
    ['sinks', 'https://a.*.example'],
    ['sinks', 'ftp://a.example'],
    ['sinks', 'all https://a.example'],
    ['sinks', 'https://a.example:99999999'],
  ] as const
  for (const [key, value] of bad)
    t.match(readReach(key, value), { reach: { [key]: [] }, fault: /is not/ }, value)
  t.end()
})
