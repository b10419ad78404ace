import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import t from 'tap'

import { testFolder } from '../testing/test-folder.fixture.ts'
import { runCli } from '../cli/cli.fixture.ts'
import { startDevCli } from './dev.fixture.ts'

const FILES: Readonly<Record<string, string>> = {
  'job.yaml': `apiVersion: jobico.coeux.dev/v1
kind: Job
metadata: {name: shop}
spec:
  events:
  - {name: order, wasm: order.wasm, schema: {key: any}, retry: {maxAttempts: 2, minDelaySeconds: 1}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: any}
data: {any.json: '{"type":"object"}'}
`,
  'assembly/order.ts': `import { parseEvent } from 'jobico'
import { price } from './price'

export function handle(text: string): string | null {
  const order = parseEvent(text).data
  return price(order.integer('pieces')).toString()
}
`,
  'assembly/price.ts': `export function price(pieces: i64): i64 {
  if (pieces > 100) return price(pieces - 1)
  return 1000 / pieces
}
`,
}

t.test(
  'the place of a trap is in the log, at the dead letter and where the event is looked up',
  async (t) => {
    const folder = testFolder(t)
    mkdirSync(join(folder, 'assembly'))
    for (const [path, content] of Object.entries(FILES)) writeFileSync(join(folder, path), content)
    const dev = startDevCli(t, folder)
    await dev.waitFor(/http:\S+\/listener\/order\n/)

    const place =
      /the module trapped: divide by zero in price \(assembly\/price\.ts:3:10\), called by handle \(assembly\/order\.ts:6:10\)/
    const sent = await runCli(['send', 'order', '--data', '{"pieces":0}', '--wait'], folder)
    t.match(sent, { code: 1, stderr: place })
    const [, key = ''] = await dev.waitFor(new RegExp(`order +dead +(\\w{26}) MODULE_TRAP: ${place.source}`))
    t.match(
      dev.output(),
      new RegExp(`order +retried +${key} attempt 1 failed.*: MODULE_TRAP: ${place.source}`),
    )
    const [got, shown] = await Promise.all([
      runCli(['get', key], folder),
      runCli(['dead', 'show', 'shop', key], folder),
    ])
    t.match(got, { code: 0, stdout: place })
    t.match(shown, { code: 0, stdout: new RegExp(`reason +${place.source}\n`) })
    t.match(shown.stdout, new RegExp(`1 +MODULE_TRAP +${place.source}\n +2 +MODULE_TRAP +${place.source}\n`))
  },
)
