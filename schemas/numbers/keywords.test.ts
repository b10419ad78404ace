import fc from 'fast-check'
import t from 'tap'

import { parseJson } from '../../functions/cloudevents/json.ts'
import { compileSchema, isSpent, newBudget } from '../validator.ts'

const compiled = (schema: string) => compileSchema(parseJson(schema))

t.test('numbers are compared as they were written', (t) => {
  const cases: readonly (readonly [schema: string, taken: readonly string[], refused: readonly string[]])[] =
    [
      [
        '{"multipleOf":0.01}',
        ['19.99', '0.07', '0.29', '2.22', '4.35', '8.2', '20', '1e400', '-0.01', '0', '1999e-2'],
        ['19.999', '0.005', '1e-3', '1e-400', '0.01000000000000000001'],
      ],
      ['{"multipleOf":0.1}', ['0.3', '0.7', '1e22'], ['0.25']],
      ['{"multipleOf":3}', ['9007199254740993', '3e400', '-6'], ['9007199254740994', '1e400', '4']],
      ['{"multipleOf":1e-8}', ['0.00000001', '1', '12391239123'], ['0.000000001']],
      ['{"multipleOf":0.5,"type":"integer"}', ['1e308', '1e400', '2'], ['0.5']],
      ['{"multipleOf":9007199254740993}', ['9007199254740993', '18014398509481986'], ['9007199254740992']],
      ['{"maximum":9007199254740992}', ['9007199254740992', '-1e400'], ['9007199254740993', '1e400']],
      ['{"maximum":9007199254740993}', ['9007199254740993', '1'], ['9007199254740994']],
      ['{"minimum":0.1}', ['0.1', '0.10000000000000000001'], ['0.09999999999999999999', '-1e400']],
      [
        '{"exclusiveMaximum":5}',
        ['4.99999999999999999999', '1e-400'],
        ['5', '5.00000000000000000000', '5.1'],
      ],
      ['{"exclusiveMinimum":1e-400}', ['2e-400', '1'], ['1e-400', '10e-401', '0']],
      ['{"const":0.5}', ['0.5', '5e-1'], ['1e-400', '0.50000000000000000001']],
      ['{"const":9007199254740993}', ['9007199254740993', '9007199254740993.0'], ['9007199254740992']],
      [
        '{"const":{"a":[1e400]}}',
        ['{"a":[1e400]}', '{"a":[10e399]}'],
        ['{"a":[1e401]}', '{"a":[]}', '{"a":[1e400],"b":1}', '{}'],
      ],
      ['{"const":[]}', ['[]'], ['{}', '[1]', 'null']],
      [
        '{"enum":[9007199254740993,[1e400],"x"]}',
        ['9007199254740993', '[1e400]', '"x"'],
        ['9007199254740992', '[1e399]', '1e400'],
      ],
      [
        '{"uniqueItems":true}',
        ['[1524831183200260097,1524831183200260098]', '[1e400,1e401]', '[0.5,1e-400]', '[[1e400],[1e401]]'],
        ['[1e400,10e399]', '[1,1.0]', '[{"a":1e400},{"a":1e400}]'],
      ],
      [
        '{"type":"integer"}',
        ['1e400', '9007199254740993', '9007199254740993.0', '1.5e1', '1.0'],
        ['9007199254740993.5', '1e-400', '-4.00000000000000000001'],
      ],
      ['{"type":"number"}', ['1e400', '-1e400'], ['"1e400"']],
      [
        '{"properties":{"a":{"$ref":"#/definitions/x"}},"definitions":{"x":{"items":{"maximum":2}}}}',
        ['{"a":[2,1e-400]}'],
        ['{"a":[2.00000000000000000001]}', '{"a":[1,1e400]}'],
      ],
      ['{"additionalProperties":{"maximum":5}}', ['{"__proto__":1e-400}'], ['{"__proto__":1e400}']],
      ['{"contains":{"const":1e400}}', ['[1,1e400]'], ['[1]']],
      ['{"minLength":1e400}', [], ['"a"']],
      ['{"maxItems":9007199254740993}', ['[1,2]'], []],
    ]
  for (const [schema, taken, refused] of cases) {
    const validate = compiled(schema)
    for (const text of taken) t.same(validate(parseJson(text)), [], `${schema} takes ${text}`)
    for (const text of refused) t.not(validate(parseJson(text)).length, 0, `${schema} refuses ${text}`)
  }
  t.end()
})

t.test('faults have the numbers as they were written', (t) => {
  const cases: readonly (readonly [schema: string, data: string, says: string])[] = [
    ['{"maximum":9007199254740993}', '9007199254740994', 'must be <= 9007199254740993'],
    ['{"multipleOf":1e-400}', '1e-401', 'must be a multiple of 1e-400'],
    ['{"const":[9007199254740993]}', '[1]', 'must be [9007199254740993]'],
    ['{"enum":[9007199254740993]}', '1', 'must be one of 9007199254740993'],
    ['{"type":"integer"}', '0.1000000000000000055', 'must be an integer, but is a number'],
  ]
  for (const [schema, data, detail] of cases)
    t.same(compiled(schema)(parseJson(data)), [{ pointer: '', detail }])
  t.end()
})

t.test('an enum of draft-07 may have two numbers that are the same double', (t) => {
  t.doesNotThrow(() => compiled('{"enum":[9007199254740993,9007199254740992]}'))
  t.throws(() => compiled('{"enum":[1e400,10e399]}'), { message: /twice/ })
  t.end()
})

t.test('numbers of any length take bounded time', (t) => {
  const long = '1'.repeat(400_000)
  const cases: readonly (readonly [schema: string, data: string, isSpent: boolean])[] = [
    ['{"multipleOf":7}', long, false],
    ['{"multipleOf":7}', `1e${long}`, false],
    [`{"multipleOf":${long}}`, `1e${long}`, true],
    [`{"multipleOf":${'1'.repeat(5_000)}}`, `1e${long}`, true],
    [`{"maximum":${long}}`, `${long}0`, false],
    [`{"items":{"maximum":${long}}}`, `[${Array(1_000).fill('1e400').join()},${long}]`, true],
    ['{"uniqueItems":true}', `[${long},${long}1]`, false],
  ]
  for (const [schema, data, isTooMuch] of cases) {
    const budget = newBudget()
    compiled(schema)(parseJson(data), budget)
    t.equal(isSpent(budget), isTooMuch, `${schema.slice(0, 40)}: ${data.slice(0, 20)}`)
  }
  t.end()
})

/** A number as the integer of so many units of 10^-40. */
const units = (text: string): bigint => {
  const [mantissa = '', exponent = '0'] = text.split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  return BigInt(whole + fraction) * 10n ** BigInt(40 + Number(exponent) - fraction.length)
}

t.test('random numbers are judged as integers of any size would be', (t) => {
  const number = fc
    .tuple(
      fc.constantFrom('', '-'),
      fc.bigInt({ min: 0n, max: 10n ** 19n }),
      fc.constantFrom('', '.0', '.5', '.10', '.007', '.25', '.30000000000000000001'),
      fc.integer({ min: -10, max: 18 }),
    )
    .map(([sign, whole, fraction, power]) => `${sign}${whole}${fraction}${power === 0 ? '' : `e${power}`}`)
  const step = number.filter((text) => units(text) > 0n)
  fc.assert(
    fc.property(number, number, step, (a, b, of) => {
      const validates = (schema: string) => compiled(schema)(parseJson(a)).length === 0
      const [first, second] = [units(a), units(b)]
      return (
        validates(`{"minimum":${b}}`) === first >= second &&
        validates(`{"exclusiveMaximum":${b}}`) === first < second &&
        validates(`{"const":${b}}`) === (first === second) &&
        validates(`{"enum":[${b}]}`) === (first === second) &&
        validates(`{"multipleOf":${of}}`) === (first % units(of) === 0n) &&
        validates('{"type":"integer"}') === (first % 10n ** 40n === 0n)
      )
    }),
    { numRuns: 100 },
  )
  t.pass('100 of them')
  t.end()
})
