import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import t, { type Test } from 'tap'

import { ECHO_JOB, PERSON, runCli, startCli, type RunningCli } from '../cli/cli.fixture.ts'
import { edit, startDevCli, startEcho } from './dev.fixture.ts'
import type { RunningInstance } from './instance.ts'
import { descendants, gone } from './processes/processes.fixture.ts'
import { eventually } from '../testing/eventually.fixture.ts'
import { testFolder } from '../testing/test-folder.fixture.ts'

async function post(url: string, type: string, body: unknown, headers: Record<string, string> = {}) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': type, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await answer.text()
  return {
    status: answer.status,
    body: (text === '' ? undefined : JSON.parse(text)) as Record<string, unknown>,
  }
}

t.test('an event in every content mode, from acceptance to its result', async (t) => {
  const { folder, dev, body, url } = await startEcho(t)
  t.same(JSON.parse(body), { data: [PERSON] })
  const structured = { specversion: '1.0', id: 's1', source: '/test', type: 't', data: PERSON }
  const modes: readonly [name: string, ...Parameters<typeof post>][] = [
    ['bare data, as the curl line has it', url, 'application/json', body],
    [
      'binary',
      url,
      'application/json',
      PERSON,
      { 'ce-specversion': '1.0', 'ce-id': 'b1', 'ce-source': '/test', 'ce-type': 't' },
    ],
    ['structured', url, 'application/cloudevents+json', structured],
    ['batch', url, 'application/cloudevents-batch+json', [{ ...structured, id: 'x1' }]],
  ]
  for (const [name, ...request] of modes) {
    const { status, body } = await post(...request)
    t.equal(status, 202, name)
    const [{ key } = { key: '' }] = body['accepted'] as { key: string }[]
    await dev.waitFor(
      new RegExp(`ev1 +accepted +${key}[^]*ev1 +log +${key} | Got event[^]*ev1 +done +${key} `),
    )
  }
  t.match(await post(url, 'application/json', { data: [{ firstName: 'Andres' }] }), {
    status: 422,
    body: { code: 'DATA_INVALID', errors: [{ index: 0, pointer: '/lastName' }] },
  })
  await dev.waitFor(/ev1 +refused +DATA_INVALID/)
  await commandsWork(t, folder)

  const second = await runCli(['dev', '--port', '0'], folder)
  t.match(second, {
    code: 1,
    stderr: /^error: jobico dev runs in this folder already \(process \d+ serves http/,
  })
  dev.signal('SIGINT')
  t.match(await dev.finished, { code: 0, stderr: '', stdout: /stopping; Ctrl-C again ends it at once\n$/ })
  t.notOk(existsSync(join(folder, '.jobico', 'dev.json')))
  t.notOk(existsSync(join(folder, '.jobico', 'run')))
})

/** send and get against the instance of a folder. */
async function commandsWork(t: Test, folder: string): Promise<void> {
  const inner = join(folder, 'deep', 'down')
  mkdirSync(inner, { recursive: true })
  const data = JSON.stringify({ ...PERSON, big: 'NUMBER' }).replace('"NUMBER"', '12345678901234567890')
  const sent = await runCli(['send', 'ev1', '--data', data, '--id', 'ñ 1', '--wait'], inner)
  t.match(sent, { code: 0, stderr: /^using jobico dev of .* at http/ })
  t.match(sent.stdout, /^\{.*"data":\{.*12345678901234567890\}\}\n$/, 'one line, and every digit of numbers')
  const { id: key, causationid } = JSON.parse(sent.stdout) as Record<string, string>
  t.equal(causationid, 'ñ 1')

  const again = await runCli(['send', 'ev1', '--data', data, '--id', 'ñ 1'], inner)
  t.match(again, { code: 0, stdout: `${String(key)}\n`, stderr: /a duplicate/ })
  const got = await runCli(['get', String(key)], inner)
  t.match(got, { code: 0, stdout: `ev1 done\n${sent.stdout}` })
  const state = await runCli(['get', String(key), '-o', 'json', '--event', 'ev1'], folder)
  t.match(JSON.parse(state.stdout), { state: 'done', key, result: { causationid: 'ñ 1' } })
  const accepted = await runCli(['send', 'ev1', '--file', 'event.json', '--json'], folder)
  t.match(JSON.parse(accepted.stdout), { accepted: [{ id: 'echo-1', duplicate: false }] })
  const piped = await runCli(['send', 'ev1', '--file', '-', '--wait', '20'], folder, {
    input: JSON.stringify(PERSON),
  })
  t.match(piped, { code: 0, stdout: /"lastName":"Costa"/ })

  const refused = await runCli(['send', 'ev1', '--data', 'false'], folder)
  t.match(refused, {
    code: 1,
    stdout: '',
    stderr: /error: 422 DATA_INVALID: .*\n {2}the data: must be an object/,
  })
  const unknown = await runCli(['send', 'ev9', '--data', '{}'], folder)
  t.match(unknown, { code: 1, stderr: /error: 404 NOT_FOUND: .*the events are at \/listener\/ev1/ })
  const missing = await runCli(['get', 'a'.repeat(26)], folder)
  t.match(missing, { code: 1, stderr: /error: no event with the key a+ is known at Job job-for-ev1\n/ })
}

t.test('what is saved is served; what is bad leaves the version before', async (t) => {
  const { folder, dev, url } = await startEcho(t)
  const source = join(folder, 'assembly', 'index.ts')
  const jobFile = join(folder, 'job.yaml')
  const result = async (data: unknown = PERSON) => {
    const { status, body } = await post(url, 'application/json', { data: [data] }, { prefer: 'wait=30' })
    return status === 200 ? body['data'] : status
  }
  t.same(await result(), PERSON)

  edit(source, 'return event.dataText', 'return "1"')
  await dev.waitFor(/reloaded runner\/ev1\n/)
  t.equal(await result(), 1)

  edit(source, 'return "1"', 'return nothing')
  await dev.waitFor(
    /error: .*assembly\/index\.ts does not compile:[^]*index\.ts:6:10[^]*the previous version keeps serving/,
  )
  t.equal(await result(), 1)
  edit(source, 'return nothing', 'return reject("never")')
  edit(source, 'import { log', 'import { reject, log')
  await dev.waitFor(/reloaded runner\/ev1\n[^]*reloaded runner\/ev1\n/)
  t.equal(await result(), 502)
  await dev.waitFor(/ev1 +dead +\w{26} REJECTED: never/)
  const dead = await runCli(['send', 'ev1', '--data', JSON.stringify(PERSON), '--wait'], folder)
  t.match(dead, { code: 1, stdout: '', stderr: /error: dead: REJECTED: never \(1 attempt\)/ })

  edit(source, 'reject("never")', 'retry(0.01, "not yet")')
  edit(source, 'import { reject', 'import { retry')
  edit(jobFile, 'key: schema-ev1', 'key: schema-ev1\n      retry: {maxAttempts: 2}')
  await dev.waitFor(/(reloaded runner\/ev1\n[^]*){3}/)
  t.equal(await result(), 502)
  await dev.waitFor(
    /ev1 +retried +\w{26} attempt 1 failed, next in 10 ms: RETRY_REQUESTED: not yet\n[^]*dead.* after 2 attempts/,
  )

  edit(jobFile, '["firstName", "lastName"]', '["firstName", "lastName", "age"]')
  await dev.waitFor(/reloaded listener\/ev1\n/)
  t.equal(await result(), 422)
  edit(jobFile, '"lastName", "age"]', '"lastName", "age"')
  await dev.waitFor(/error: job\.yaml:\d+:[^]*the previous version keeps serving/)
  t.equal(await result(), 422)

  await eventsComeAndGo(t, { jobFile, dev, url })
})

async function eventsComeAndGo(
  t: Test,
  { jobFile, dev, url }: { jobFile: string; dev: RunningCli; url: string },
): Promise<void> {
  edit(jobFile, '"lastName", "age"', '"lastName", "age"]')
  edit(
    jobFile,
    '    - name: ev1',
    '    - {name: ev2, wasm: echo.wasm, schema: {key: schema-ev1}}\n    - name: ev1',
  )
  await dev.waitFor(/reloaded listener\/ev2, runner\/ev2\n[^]*curl .*\/listener\/ev2\n/)
  const next = url.replace(/ev1$/, 'ev2')
  t.equal((await post(next, 'application/json', { data: [{ ...PERSON, age: 1 }] })).status, 202)
  edit(jobFile, '    - {name: ev2, wasm: echo.wasm, schema: {key: schema-ev1}}\n', '')
  await dev.waitFor(/reloaded listener\/ev2, runner\/ev2\n[^]*reloaded listener\/ev2, runner\/ev2\n/)
  t.match(await post(next, 'application/json', { data: [] }), { status: 404 })
}

t.test('a runner that is prepared for the next save is gone by then', async (t) => {
  const { folder, dev, url } = await startEcho(t)
  const prepared = (await descendants(dev.pid)).filter((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('standby'),
  )
  t.equal(prepared.length, 1)
  for (const pid of prepared) process.kill(pid, 'SIGKILL')
  await Promise.all(prepared.map(gone))
  edit(join(folder, 'assembly', 'index.ts'), 'return event.dataText', 'return "1"')
  await dev.waitFor(/reloaded runner\/ev1\n/)
  t.match(await post(url, 'application/json', { data: [PERSON] }, { prefer: 'wait=30' }), {
    status: 200,
    body: { data: 1 },
  })
})

t.test('nothing outlives jobico dev that is killed, and the next one takes over', async (t) => {
  const { folder, dev } = await startEcho(t)
  const instance = JSON.parse(readFileSync(join(folder, '.jobico', 'dev.json'), 'utf8')) as RunningInstance
  const processes = await descendants(dev.pid)
  t.equal(instance.pid, dev.pid)
  t.ok(processes.includes(instance.natsPid))
  t.ok(processes.length >= 4, 'nats-server with its guard, a listener and a runner')
  dev.signal('SIGKILL')
  await Promise.all(processes.map(gone))
  t.match(await runCli(['get', 'a'.repeat(26)], folder), { code: 1, stderr: /error: no jobico dev runs/ })

  const next = startCli(['dev', '--port', '0', '--json'], folder)
  await next.waitFor(/"msg":"Serving"/)
  const children = await descendants(next.pid)
  next.signal('SIGTERM')
  t.match(await next.finished, { code: 0 })
  await Promise.all(children.map(gone))
})

t.test('a listener and a runner that are killed while jobico dev starts are started again', async (t) => {
  const folder = testFolder(t)
  const dev = startDevCli(t, folder, [ECHO_JOB])
  for (const part of ['listener', 'runner'])
    await eventually(
      `the ${part} is killed`,
      async () => {
        const pids = (await descendants(dev.pid)).filter((pid) =>
          RegExp(`\\b${part}/(main|process)`).test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')),
        )
        for (const pid of pids) process.kill(pid, 'SIGKILL')
        return pids.length > 0
      },
      { everyMs: 10 },
    )
  const [, url = ''] = await dev.waitFor(/ (http:\S+\/listener\/ev1)\n/)
  t.match(dev.output(), /ended \(SIGKILL\); starting it again/)
  t.match(await post(url, 'application/json', { data: [PERSON] }, { prefer: 'wait=30' }), { status: 200 })
})

t.test('a signal while it starts leaves nothing', async (t) => {
  const folder = testFolder(t)
  const dev = startCli(['dev', '--port', '0', ECHO_JOB], folder)
  while (!existsSync(join(folder, '.jobico', 'nats'))) await new Promise((resolve) => setTimeout(resolve, 5))
  const children = await descendants(dev.pid)
  dev.signal('SIGINT')
  t.match(await dev.finished, { code: 130 })
  await Promise.all(children.map(gone))
  t.notOk(existsSync(join(folder, '.jobico', 'dev.json')))
})
