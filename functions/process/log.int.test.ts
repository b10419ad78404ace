import { spawn } from 'node:child_process'
import { once } from 'node:events'

import t from 'tap'

const PROGRAM = `
import { createLog, exitAfter } from ${JSON.stringify(new URL('./log.ts', import.meta.url).href)}
const log = createLog('info', {})
setInterval(() => log.info('going on'), 20)
process.once('message', () => {
  log.info('last words')
  exitAfter(log, 3)
})
process.send('started')
`

function start() {
  return spawn(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
}

t.test('a process ends when its log is written', async (t) => {
  const child = start()
  let output = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
  await once(child, 'message')
  child.send('end')
  t.same(await once(child, 'close'), [3, null])
  t.match(output, /"msg":"last words"}\n/)
})

t.test('a process whose log nobody reads any more ends all the same', async (t) => {
  const child = start()
  await once(child, 'message')
  const closed = once(child.stdout ?? child, 'close')
  child.stdout?.destroy()
  await closed
  // It meets the broken pipe before it is told to end.
  await new Promise((resolve) => setTimeout(resolve, 300))
  child.send('end')
  t.same(await once(child, 'exit'), [3, null])
})

t.test('a process whose reader goes between two of its last lines ends all the same', async (t) => {
  const program = `
import { readFileSync } from 'node:fs'
import { createLog, exitAfter } from ${JSON.stringify(new URL('./log.ts', import.meta.url).href)}
const log = createLog('info', {})
log.info('x'.repeat(5_000)) // so much is written at once, by another thread
readFileSync(0)
log.info('last words')
exitAfter(log, 3)
`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  const closed = once(child.stdout, 'close')
  child.stdout.destroy()
  await closed
  child.stdin.end()
  t.same(await once(child, 'exit'), [3, null])
})
