import { spawn } from 'node:child_process'
import { once } from 'node:events'

import t from 'tap'

const STOPS = 'async () => clearInterval(running)'

const program = (start: string, stop = STOPS) => `
import { createLog } from ${JSON.stringify(new URL('./log.ts', import.meta.url).href)}
import { onShutdown } from ${JSON.stringify(new URL('./shutdown.ts', import.meta.url).href)}
const running = setInterval(() => undefined, 1_000)
${start}
onShutdown(createLog('info', {}), 600_000, ${stop})
if (process.connected) process.send('started')
`

function startChild(start: string, stop?: string) {
  return spawn(process.execPath, ['--input-type=module', '--eval', program(start, stop)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
}

t.test('a process ends when its parent has gone', async (t) => {
  const child = startChild('')
  await once(child, 'message')
  child.disconnect()
  t.same(await once(child, 'exit'), [0, null])
})

t.test('a process that can not stop ends all the same when its parent has gone', async (t) => {
  const child = startChild('', '() => new Promise(() => undefined)')
  await once(child, 'message')
  child.disconnect()
  t.same(await once(child, 'exit'), [1, null])
})

t.test('a process ends when its parent has gone while it was starting', async (t) => {
  const child = startChild('while (process.connected) await new Promise((resolve) => setTimeout(resolve, 5))')
  child.disconnect()
  t.same(await once(child, 'exit'), [0, null])
})

t.test('a process without a parent runs until it gets a signal', async (t) => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program('console.log("up")')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    if (output.includes('up')) child.kill('SIGTERM')
  })
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  t.notMatch(output, /disconnect/)
  t.ok(code === 0 || signal === 'SIGTERM', `${String(code)} ${String(signal)}`)
})
