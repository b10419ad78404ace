import t from 'tap'

import { compileSchema } from '../../../schemas/validator.ts'
import { checkEvents } from './check-events.ts'
import type { DecodedEvent } from '../decoding/decoded-event.ts'

const LIMIT = 1_000_000
const costly = { properties: { a: { pattern: '[ab]*a[ab]{900}c' }, b: { type: 'integer' } } }

function decoded(value: unknown): DecodedEvent {
  const data = new TextEncoder().encode(JSON.stringify(value))
  const attributes = { specversion: '1.0', id: '1', source: '/a', type: 'a' }
  return { event: { attributes, trace: {}, data }, value }
}

t.test('data that takes too long to check is not said to be wrong', (t) => {
  const validate = compileSchema(costly)
  const long = { a: 'ab'.repeat(20_000) }
  const [few, enough] = [{ a: 'ab'.repeat(500) }, 40]
  const says = { code: 'TOO_LARGE', message: /takes more than 2000000 steps; send fewer events at once/ }
  const cases: readonly [
    name: string,
    values: readonly unknown[],
    says: { code: string; message?: RegExp },
  ][] = [
    ['one event', [long], says],
    ['many that take little each', Array.from({ length: enough }, () => ({ ...few, b: 1 })), says],
    ['after one that is wrong', [{ b: 'x' }, long], says],
    ['one that is wrong', [{ b: 'x' }], { code: 'DATA_INVALID' }],
    ['one that is wrong for its pattern', [few], { code: 'DATA_INVALID' }],
  ]
  for (const [name, values, says] of cases)
    t.throws(() => checkEvents(values.map(decoded), validate, LIMIT), says, name)
  t.equal(checkEvents([decoded({ b: 1 })], validate, LIMIT).length, 1)
  t.end()
})
