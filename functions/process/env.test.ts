import t from 'tap'

import { readEnv } from './env.ts'

t.test('reads every kind of variable', (t) => {
  const config = readEnv(
    { TEXT: 'a', EMPTY: '', NUMBER: '7', FLAG: 'true', GUEST_A: '1', GUEST_B: '', OTHER: 'x' },
    (env) => ({
      text: env.text('TEXT'),
      fallback: env.text('EMPTY', 'b'),
      none: env.optional('EMPTY'),
      number: env.integer('NUMBER', { min: 7, max: 7 }),
      least: env.integer('NONE', { min: 0, max: 9, fallback: 0 }),
      flag: env.flag('FLAG', false),
      unset: env.flag('EMPTY', true),
      guests: env.prefixed('GUEST_'),
    }),
  )
  t.same(config, {
    text: 'a',
    fallback: 'b',
    none: undefined,
    number: 7,
    least: 0,
    flag: true,
    unset: true,
    guests: { A: '1', B: '' },
  })
  t.ok(Object.isFrozen(config))
  t.end()
})

t.test('names every fault at once', (t) => {
  const environment = {
    LOW: '1',
    HIGH: '10',
    WORD: 'x',
    SIGN: '-5',
    HUGE: '9'.repeat(16),
    FLAG: 'TRUE',
    BLANK: ' 5',
  }
  const bounds = { min: 2, max: 9 }
  t.throws(
    () =>
      readEnv(environment, (env) => {
        for (const name of ['LOW', 'HIGH', 'WORD', 'SIGN', 'HUGE', 'BLANK', 'NONE']) env.integer(name, bounds)
        env.text('TEXT')
        env.flag('FLAG', true)
        env.fault('MINE', 'is wrong')
        return {}
      }),
    {
      code: 'CONFIG_INVALID',
      message:
        /LOW is 1, not a whole number from 2 to 9; HIGH.*WORD is x.*SIGN.*HUGE.*BLANK.*NONE is missing; TEXT is missing; FLAG is TRUE.*; MINE is wrong$/,
    },
  )
  t.end()
})
