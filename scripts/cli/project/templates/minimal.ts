import { jobDocument, json, schemaDocument, type Project } from './common.ts'

/** One event, and a module that reads and builds JSON member by member. */
export function minimal(name: string): Project {
  return {
    event: 'hello',
    about: 'A Jobico Job: events named `hello` go through the module in `assembly/`.',
    rows: [['assembly/index.ts', 'the module, in AssemblyScript']],
    files: {
      'job.yaml': jobDocument(name, EVENT(name)) + schemaDocument('hello', SCHEMA),
      'assembly/index.ts': MODULE,
      'event.json': json({ name: 'Ada' }),
      'expected.json': json({ greeting: 'Hello, Ada!' }),
      'test/hello.test.mjs': test(name),
    },
  }
}

const EVENT = (name: string) => `    - name: hello
      wasm: ${name}.wasm # made from assembly/index.ts
      schema:
        key: schema-hello
      timeoutSeconds: 10
      retry:
        maxAttempts: 5
`

const SCHEMA = {
  type: 'object',
  properties: { name: { type: 'string', minLength: 1, maxLength: 100 } },
  required: ['name'],
}

const MODULE = `import { Json, log, parseEvent } from "jobico"

// Called with each event whose data passed the schema. Returns the data of the result, as JSON text.
// reject("why") ends an event for good; retry(60, "why") asks for another attempt in a minute.
export function handle(text: string): string | null {
  const event = parseEvent(text)
  const name = event.data.string("name")
  log.info(\`Greeting \${name}\`)
  return Json.object().set("greeting", \`Hello, \${name}!\`).toString()
}
`

const test = (name: string) => `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadGuest } from 'jobico/testing'

const guest = await loadGuest('build/${name}.wasm')

test('greets by name', () => {
  const outcome = guest.run({ data: { name: 'Grace' } })
  assert.deepEqual(outcome.data, { greeting: 'Hello, Grace!' })
  assert.deepEqual(outcome.lines, [{ level: 'info', message: 'Greeting Grace' }])
})
`
