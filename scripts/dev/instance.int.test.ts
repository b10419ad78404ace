import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

import t, { type Test } from 'tap'

import { PERSON, runCli } from '../cli/cli.fixture.ts'
import { testFolder } from '../testing/test-folder.fixture.ts'
import { startEchoHere } from './dev.fixture.ts'
import { takeLock } from './folder-lock.ts'
import type { RunningInstance } from './instance.ts'

/** A server that another user or another program could run; it remembers what it was asked. */
async function startStranger(
  t: Test,
  answer: (headers: IncomingHttpHeaders) => Promise<readonly [body: string, proof: string | undefined]>,
) {
  const asked: IncomingHttpHeaders[] = []
  const server = createServer((request, response) => {
    asked.push(request.headers)
    void answer(request.headers).then(([body, proof]) => {
      if (proof !== undefined) response.setHeader('jobico-proof', proof)
      response.end(body)
    })
  }).listen(0, '127.0.0.1')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

/** Puts a `dev.json` that somebody else wrote into a folder, and its lock, held by this process. */
async function plant(t: Test, folder: string, instance: Partial<RunningInstance>): Promise<string> {
  mkdirSync(join(folder, '.jobico'), { recursive: true })
  writeFileSync(join(folder, '.jobico', 'dev.json'), JSON.stringify({ pid: process.pid, ...instance }))
  const lock = await takeLock(join(folder, '.jobico', 'dev.lock'))
  t.teardown(() => lock?.release())
  return folder
}

const COMMANDS = [
  ['send', 'ev1', '--data', '{}'],
  ['send', 'ev1', '--data', '{}', '--token', 'secret-of-the-command-line'],
  ['get', 'a'.repeat(26)],
  ['status'],
]
const SECRETS = { JOBICO_TOKEN: 'secret-of-the-environment', NATS_CREDS_FILE: '/no/such/creds' }

t.test('a stranger that dev.json names is asked for a proof, and gets nothing else', async (t) => {
  const made = { natsUrl: 'nats://127.0.0.1:4222', natsPid: 1, events: [] }
  const folder = testFolder(t)
  for (const [index, proof] of [undefined, '', 'x'.repeat(43)].entries()) {
    const { url, asked } = await startStranger(t, () =>
      Promise.resolve([JSON.stringify({ ...made, url }), proof]),
    )
    const project = await plant(t, join(folder, String(index)), { ...made, url })
    for (const command of COMMANDS) {
      const { code, stdout, stderr } = await runCli(command, project, { environment: SECRETS })
      t.match({ code, stdout }, { code: 1, stdout: '' })
      t.match(
        stderr,
        /^error: .*dev\.json names http.*but no jobico dev of yours in this folder answers there/,
      )
    }
    t.equal(asked.length, COMMANDS.length)
    t.notMatch(JSON.stringify(asked), /secret|authorization/)
  }
})

t.test('a stranger that passes the question on to the true one is found out', async (t) => {
  const folder = testFolder(t, { true: {}, other: {}, cache: {} })
  const own = join(folder, 'true')
  const { dev } = await startEchoHere(t, own)
  const { url, asked } = await startStranger(t, async (headers) => {
    const challenge = String(headers['jobico-challenge'])
    const answer = await fetch(dev.instance().url, { headers: { 'jobico-challenge': challenge } })
    return [await answer.text(), answer.headers.get('jobico-proof') ?? undefined]
  })
  const file = join(own, '.jobico', 'dev.json')
  const before = readFileSync(file, 'utf8')
  writeFileSync(file, before.replaceAll(dev.instance().url, url))
  const inPlace = await runCli(['status'], own, { environment: SECRETS })
  t.match(inPlace, { code: 1, stderr: /the jobico dev that answers serves another address/ })
  const elsewhere = await runCli(['status'], await plant(t, join(folder, 'other'), dev.instance()))
  t.match(
    elsewhere,
    { code: 1, stderr: /no jobico dev of yours in this folder answers/ },
    'the one of another folder',
  )
  writeFileSync(file, before)
  t.match(await runCli(['status'], own), { code: 0, stdout: /job-for-ev1/ }, 'the true one is believed')
  const otherKey = { environment: { XDG_CACHE_HOME: join(folder, 'cache') } }
  t.match(
    await runCli(['status'], own, otherKey),
    { code: 1, stderr: /no jobico dev of yours/ },
    'by its user only',
  )
  t.equal(asked.length, 1)
})

t.test('an address that is not of this machine is not asked', async (t) => {
  const folder = testFolder(t)
  for (const url of [
    'http://192.0.2.1:8080',
    'https://127.0.0.1:1',
    'http://localhost.example',
    'file:///etc/passwd',
  ])
    t.match(await runCli(['status'], await plant(t, mkdtempSync(join(folder, 'project-')), { url })), {
      code: 1,
      stderr: /^error: .*which is no http address of this machine; stop what runs there and remove the file/,
    })
})

t.test(
  'a jobico dev that proves whose it is is used, without the credentials of the environment',
  async (t) => {
    const folder = testFolder(t)
    const { dev } = await startEchoHere(t, folder)
    const args = ['send', 'ev1', '--data', JSON.stringify(PERSON), '--wait']
    t.match(await runCli(args, folder, { environment: SECRETS }), { code: 0, stdout: /Andres/ })
    const { url, asked } = await startStranger(t, () =>
      Promise.resolve(['{"accepted":[{"key":"k"}]}', undefined] as const),
    )
    await runCli(['send', 'ev1', '--data', '{}', '--url', url], folder, { environment: SECRETS })
    t.match(
      asked,
      [{ authorization: 'Bearer secret-of-the-environment' }],
      'an address that the user names gets it',
    )
    t.ok(dev.instance().url)
  },
)

t.test('a folder that is not believed is passed over, and told', async (t) => {
  const folder = t.testdir({ project: {}, real: { '.jobico': {} } })
  symlinkSync('../real/.jobico', join(folder, 'project', '.jobico'))
  t.match(await runCli(['status'], join(folder, 'project')), {
    code: 1,
    stderr:
      /\.jobico is a symbolic link, which Jobico does not follow; no jobico dev is looked for in it\nerror: no jobico dev runs/,
  })
})

t.test('files that are no dev.json and no lock are not opened', async (t) => {
  const running = JSON.stringify({ pid: 1, url: 'http://127.0.0.1:1', events: [] })
  const folder = t.testdir({
    database: { '.jobico': { 'dev.json': running, 'dev.lock': 'SQLite format 3\0' } },
    folder: { '.jobico': { 'dev.json': running, 'dev.lock': {} } },
    other: { '.jobico': { 'dev.json': {}, 'dev.lock': '' } },
  })
  for (const name of ['database', 'folder', 'other'])
    t.match(await runCli(['status'], join(folder, name)), { code: 1, stderr: /^error: no jobico dev runs/ })
  await t.rejects(takeLock(join(folder, 'database', '.jobico', 'dev.lock')), {
    message: /dev\.lock was not made by jobico dev; remove it/,
  })
  const journal = join(folder, 'other', '.jobico', 'dev.lock-journal')
  mkdirSync(journal)
  const lock = await takeLock(join(folder, 'other', '.jobico', 'dev.lock'))
  t.throws(() => readFileSync(journal), { code: 'ENOENT' })
  lock?.release()
})
