import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import t, { type Test } from 'tap'

import { startDevCli } from '../../dev/dev.fixture.ts'
import { testFolder } from '../../testing/test-folder.fixture.ts'
import { runCli } from '../cli.fixture.ts'

const FILES: Readonly<Record<string, string>> = {
  'job.yaml': `apiVersion: jobico.coeux.dev/v1
kind: Job
metadata: {name: shop}
spec:
  events:
  - {name: order, wasm: order.wasm, schema: {key: any}, output: {event: mail}}
  - {name: pay, wasm: pay.wasm, schema: {key: any}}
  - {name: mail, wasm: mail.wasm, schema: {key: any}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: any}
data: {any.json: '{"type":"object"}'}
`,
  'assembly/order.ts': `import { Json, emit, parseEvent } from 'jobico'

export function handle(text: string): string | null {
  const order = parseEvent(text).data
  emit('pay', Json.object().set('amount', order.integer('amount')))
  emit('pay', Json.object().set('amount', <i64>0))
  return Json.object().set('to', 'ada').toString()
}
`,
  'assembly/pay.ts': `import { parseEvent, reject, retry } from 'jobico'

export function handle(text: string): string | null {
  const event = parseEvent(text)
  const amount = event.data.integer('amount')
  if (amount == 0) return reject('there is nothing to pay')
  if (amount > 100) return retry(600, 'the bank is closed')
  return event.dataText
}
`,
  'assembly/mail.ts': `import { parseEvent } from 'jobico'

export function handle(text: string): string | null {
  parseEvent(text)
  return null
}
`,
}

async function startShop(t: Test): Promise<string> {
  const folder = testFolder(t)
  mkdirSync(join(folder, 'assembly'))
  for (const [path, content] of Object.entries(FILES)) writeFileSync(join(folder, path), content)
  const dev = startDevCli(t, folder)
  await dev.waitFor(/(http:\S+\/listener\/order)\n/)
  return folder
}

interface State {
  readonly state: string
  readonly key: string
  readonly event: string
  readonly dueAt?: string
  readonly cause?: { readonly event: string; readonly key: string; readonly state: string }
  readonly effects?: readonly { readonly event: string; readonly key: string; readonly state: string }[]
}

const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`

t.test('an event is looked up with its attempts, its cause and its effects', async (t) => {
  const folder = await startShop(t)
  const cli = (...args: readonly string[]) => runCli(args, folder)
  const states = async (...args: readonly string[]) => {
    const { stdout } = await cli('get', ...args, '--json')
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as State)
  }
  const settled = async (wanted: string, ...args: readonly string[]): Promise<State> => {
    for (;;) {
      const [found] = await states(...args)
      if (found?.state === wanted && (wanted !== 'pending' || found.dueAt !== undefined)) return found
    }
  }
  const order = [
    'send',
    'order',
    '--id',
    'A 1',
    '--source',
    '/shop/%C3%B1',
    '--data',
    '{"amount":500}',
    '--wait',
  ]
  const sent = await cli(...order)
  t.match(sent, { code: 0, stderr: /^using jobico dev of [^\n]*\n$/ })
  const { id: key, time } = JSON.parse(sent.stdout) as { id: string; time: string }

  await t.test('a duplicate says so, and from when its result is', async (t) => {
    const again = await cli(...order)
    t.match(again, { code: 0, stdout: sent.stdout })
    t.match(again.stderr, `data sent now is not looked at; its result of ${time} follows\n`)
    const only = await cli(
      'send',
      'order',
      '--id',
      'A 1',
      '--source',
      '/shop/%C3%B1',
      '--data',
      '{"amount":1}',
    )
    t.match(only, { code: 0, stdout: `${key}\n`, stderr: /a duplicate: .* not looked at\n$/ })
    const rejected = ['send', 'pay', '--id', 'zero', '--data', '{"amount":0}', '--wait']
    t.match(await cli(...rejected), { code: 1, stderr: /^using[^\n]*\nerror: dead: REJECTED/ })
    t.match(await cli(...rejected), { code: 1, stderr: /its outcome follows\nerror: dead: REJECTED/ })
    const silent = ['send', 'mail', '--id', 'none', '--data', '{}', '--wait']
    t.match(await cli(...silent), { code: 0, stdout: '', stderr: /^using[^\n]*\ndone, with no result/ })
    t.match(await cli(...silent), {
      code: 0,
      stdout: '',
      stderr: /its outcome follows\ndone, with no result/,
    })
  })

  const paid = await settled('pending', `${key}-1`)
  const refused = await settled('dead', `${key}-2`)
  const [found] = await states('--id', 'A 1', '--source', '/shop/%C3%B1')
  await t.test('causes and effects', async (t) => {
    const mail = found?.effects?.[0]
    t.match(found, {
      ...{ state: 'done', key, event: 'order' },
      effects: [
        { event: 'mail', state: /done|pending/ },
        { event: 'pay', key: paid.key, state: 'pending' },
        { event: 'pay', key: refused.key, state: 'dead' },
      ],
    })
    t.equal(found?.cause, undefined)
    const cause = { event: 'order', key, state: 'done' }
    t.match(paid, { event: 'pay', cause, attempts: 1 })
    t.match(refused, { event: 'pay', cause, error: { code: 'REJECTED', reason: 'there is nothing to pay' } })
    t.match(await states(mail?.key ?? ''), [{ event: 'mail', cause }])
    t.match(
      (await cli('get', key)).stdout,
      new RegExp(
        `^order done\n  effect  mail  ${mail?.key ?? ''}  \\w+\n  effect  pay   ${paid.key}  pending\n  effect  pay   ${refused.key}  dead\n\\{"specversion`,
      ),
    )
    t.equal(
      (await cli('get', '--id', `${key}-2`)).stdout,
      `pay dead: REJECTED: there is nothing to pay (1 attempt)\n  cause  order  ${key}  done\n`,
    )
  })

  await t.test('attempts of a pending event', async (t) => {
    t.match(
      (await cli('get', paid.key)).stdout,
      new RegExp(
        `^pay pending: attempt 1 failed with RETRY_REQUESTED: the bank is closed; attempt 2 is due at ${TIME}\n  cause  order  ${key}  done\n$`,
      ),
    )
    const url = /at (http:\S+)/.exec(sent.stderr)?.[1] ?? ''
    const answer = await fetch(`${url}/listener/pay/events/${paid.key}`)
    t.match(await answer.json(), {
      ...{ state: 'pending', key: paid.key, event: 'pay', attempts: 1, dueAt: paid.dueAt },
      error: { code: 'RETRY_REQUESTED', reason: 'the bank is closed', attempts: 1 },
    })
    t.match(await cli('get', paid.key, '--url', url, '-e', 'pay'), {
      code: 0,
      stdout: /^pay pending: attempt 1 failed with RETRY_REQUESTED/,
    })
    t.match(await cli('get', `${key}-1`, '--url', url, '-e', 'pay'), {
      code: 1,
      stderr: /error: --url can not tell which event emitted \w{26}-1; give its source, too: --id/,
    })
    t.match(await cli('get', 'a'.repeat(26), '--url', url, '-e', 'pay'), {
      code: 1,
      stderr: /known at pay\n {2}it may have been sent elsewhere: name the right one with --event\n/,
    })
  })

  await t.test('an event that is not found', async (t) => {
    for (const args of [['b'.repeat(26)], [`${key}-9`]])
      t.match(
        await cli('get', ...args),
        {
          code: 1,
          stdout: '',
          stderr:
            /error: no event with the (key \w{26}|id \w{26}-9) is known at Job shop\n.*elsewhere: name the namespace .* -n\n.*--id ID --source SOURCE\n.*queue.doneRetentionSeconds .*; send the event again/,
        },
        args.join(' '),
      )
  })
})
