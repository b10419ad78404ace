import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import t from 'tap'

import { edit, startEcho } from '../dev/dev.fixture.ts'
import type { RunningInstance } from '../dev/instance.ts'
import { PERSON, runCli, startCli } from './cli.fixture.ts'

const REJECTS = { ...PERSON, firstName: 'nobody' }

t.test('tail, status and dead list under jobico dev', async (t) => {
  const { folder, dev } = await startEcho(t)
  const source = join(folder, 'assembly', 'index.ts')
  edit(source, 'import { log', 'import { reject, log')
  edit(
    source,
    'return event.dataText',
    "if (event.data.string('firstName') == 'nobody') return reject('not \\u001b[1mhim')\n  return event.dataText",
  )
  await dev.waitFor(/reloaded runner\/ev1\n/)
  const send = async (data: object, ...options: string[]) =>
    await runCli(['send', 'ev1', '--data', JSON.stringify(data), ...options], folder)

  const text = startCli(['tail'], folder)
  const json = startCli(['tail', 'ev1', '--job', 'job-for-ev1', '-o', 'json'], folder)
  t.teardown(() => {
    text.signal('SIGKILL')
    json.signal('SIGKILL')
  })
  // What came before it follows is not shown: so events are sent until one is.
  const shown = Promise.all([text.waitFor(/done/), json.waitFor(/"done"/)])
  const state: { isShown: boolean } = { isShown: false }
  void shown.finally(() => (state.isShown = true))
  while (!state.isShown) await send(PERSON, '--wait')
  await shown

  t.match(await send(REJECTS, '--wait'), { code: 1, stderr: /dead: REJECTED: not {2}\[1mhim/ })
  const [, key = ''] = await text.waitFor(/\d\d:\d\d:\d\d ev1 +dead {2}(\w{26}) REJECTED: not {2}\[1mhim\n/)
  t.match(text.output(), /\d\d:\d\d:\d\d ev1 +done {2}\w{26} \{"firstName":"Andres","lastName":"Costa"\}\n/)
  const [line = ''] = await json.waitFor(/.*"dead".*\n/)
  t.match(JSON.parse(line), {
    ...{ state: 'dead', key, event: 'ev1', namespace: 'default', job: 'job-for-ev1', attempts: 1 },
    error: { code: 'REJECTED', reason: 'not \u001b[1mhim', attempts: 1 },
  })
  t.match(JSON.parse(/.*"done".*\n/.exec(json.output())?.[0] ?? ''), { result: { data: PERSON } })

  const list = await runCli(['dead', 'list', 'job-for-ev1', '--event', 'ev1'], folder)
  t.match(list, {
    code: 0,
    stdout: new RegExp(`^KEY +EVENT .*\n${key} +ev1 +REJECTED +1 .*not  \\[1mhim\n$`),
  })
  await send(REJECTS, '--wait')
  const newest = await runCli(['dead', 'list', 'job-for-ev1', '--limit', '1', '--json'], folder)
  t.match(newest, { code: 0, stderr: /these are the newest 1 of 2; --limit shows more/ })
  t.match(JSON.parse(newest.stdout), [{ event: 'ev1', code: 'REJECTED', attempts: 1 }])
  const got = await runCli(['get', key, '-o', 'json'], folder)
  t.match(JSON.parse(got.stdout), { state: 'dead', key, event: 'ev1', error: { code: 'REJECTED' } })

  const status = await runCli(['status'], folder)
  t.match(status, { code: 0, stdout: /^NAME +READY .* AGE\njob-for-ev1 +True +1\/1 +0 +2 +\d+[smh]\n$/ })
  const one = await runCli(['status', 'job-for-ev1'], folder)
  t.match(
    one.stdout,
    /\n\nEVENT +READY .*\nev1 +True +Ready +0 +2 +sha256-[\da-f]{12} +http:\S+\/listener\/ev1\n$/,
  )
  const all = await runCli(['status', '--json'], folder)
  t.match(JSON.parse(all.stdout), [{ job: 'job-for-ev1', dead: 2, events: [{ name: 'ev1', dead: 2 }] }])

  const before = json.output().length
  const instance = JSON.parse(readFileSync(join(folder, '.jobico', 'dev.json'), 'utf8')) as RunningInstance
  process.kill(instance.natsPid, 'SIGKILL')
  await dev.waitFor(/nats-server ended/)
  let sent = await send(PERSON, '--wait')
  while (sent.code !== 0) sent = await send(PERSON, '--wait')
  const { id } = JSON.parse(sent.stdout) as { id: string }
  await json.waitFor(new RegExp(`"key":"${id}"`))
  t.notMatch(json.output().slice(before), /"dead"/, 'nothing is shown twice')

  for (const running of [text, json]) running.signal('SIGINT')
  t.match(await text.finished, { code: 0, stderr: /^using jobico dev of .*\n$/ })
  t.match(await json.finished, { code: 0 })

  for (const { args, stderr } of mistakes) {
    t.match(await runCli(args, folder), { code: 1, stdout: '', stderr }, args.join(' '))
  }
})

const mistakes: readonly { readonly args: readonly string[]; readonly stderr: RegExp }[] = [
  {
    args: ['tail', 'ev2'],
    stderr: /error: there is no event ev2 in jobico dev of .*, only ev1; did you mean ev1\?/,
  },
  {
    args: ['tail', '--job', 'jobs'],
    stderr: /error: there is no Job jobs in .*, only job-for-ev1; name one/,
  },
  { args: ['dead', 'list', 'job-for-ev'], stderr: /error: there is no Job .*; did you mean job-for-ev1\?/ },
  { args: ['dead', 'list', 'job-for-ev1', '--event', 'ev'], stderr: /error: there is no event ev in/ },
  { args: ['status', 'x'], stderr: /error: there is no Job x in/ },
  { args: ['push', 'x.wasm'], stderr: /error: jobico dev of .* reloads a module when its file is saved/ },
]
