import { jobDocument, json, schemaDocument, type Project } from './common.ts'

/** One event, and a module that decodes the data into classes and encodes the result from one. */
export function jsonClasses(name: string): Project {
  return {
    event: 'order',
    about:
      'A Jobico Job: events named `order` are priced by the module in `assembly/`, which reads them into classes.',
    rows: [['assembly/index.ts', 'the module, in AssemblyScript, with its classes']],
    files: {
      'job.yaml': jobDocument(name, EVENT(name)) + schemaDocument('order', SCHEMA),
      'assembly/index.ts': MODULE,
      'event.json': json(ORDER),
      'expected.json': json({ id: 'A-1', total: 7490 }),
      'examples/order/too-much.json': json({
        id: 'A-2',
        items: [{ sku: 'PIANO', quantity: 9, unitPrice: 900000 }],
      }),
      'examples/order/too-much.expected.json': json({ $reject: 'A-2 is over the limit of 1000000 cents' }),
      'test/order.test.mjs': test(name),
    },
  }
}

const EVENT = (name: string) => `    - name: order
      wasm: ${name}.wasm # made from assembly/index.ts
      schema:
        key: schema-order
      env:
        - name: LIMIT # cents
          value: '1000000'
`

const ITEM = {
  type: 'object',
  properties: {
    sku: { type: 'string', minLength: 1 },
    quantity: { type: 'integer', minimum: 1, maximum: 10000 },
    unitPrice: { type: 'integer', minimum: 0, maximum: 100000000 },
  },
  required: ['sku', 'quantity', 'unitPrice'],
}

const SCHEMA = {
  type: 'object',
  properties: {
    id: { type: 'string', minLength: 1 },
    items: { type: 'array', minItems: 1, maxItems: 100, items: ITEM },
    note: { type: 'string' },
  },
  required: ['id', 'items'],
}

const ORDER = {
  id: 'A-1',
  items: [
    { sku: 'TEA-250', quantity: 2, unitPrice: 1295 },
    { sku: 'POT-1', quantity: 1, unitPrice: 4900 },
  ],
}

const MODULE = `import { encode, env, log, parseEvent, reject } from "jobico"

@json
class Item {
  sku: string
  quantity: i32
  unitPrice: i64 // cents
}

@json
class Order {
  id: string
  items: Item[]
  note: string | null // may be missing
}

@json
class Receipt {
  constructor(
    readonly id: string,
    readonly total: i64,
    readonly note: string | null,
  ) {}
}

// Called with each event whose data passed the schema. Returns the data of the result, as JSON text.
export function handle(text: string): string | null {
  const order = parseEvent(text).decode<Order>()
  let total: i64 = 0
  for (let i = 0; i < order.items.length; i++) {
    total += order.items[i].unitPrice * order.items[i].quantity
  }
  const limit = env("LIMIT")
  if (limit !== null && total > I64.parseInt(limit)) {
    return reject(\`\${order.id} is over the limit of \${limit} cents\`)
  }
  log.info(\`Priced \${order.id}: \${total}\`)
  return encode(new Receipt(order.id, total, order.note))
}
`

const test = (name: string) => `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadGuest } from 'jobico/testing'

const guest = await loadGuest('build/${name}.wasm', { env: { LIMIT: '500' } })
const order = (unitPrice) => ({ id: 'T', items: [{ sku: 'X', quantity: 2, unitPrice }], note: 'fast' })

test('adds up what is ordered', () => {
  assert.deepEqual(guest.run({ data: order(250) }).data, { id: 'T', total: 500, note: 'fast' })
})

test('rejects what is over the limit', () => {
  const { kind, reason } = guest.run({ data: order(251) })
  assert.deepEqual({ kind, reason }, { kind: 'reject', reason: 'T is over the limit of 500 cents' })
})
`
