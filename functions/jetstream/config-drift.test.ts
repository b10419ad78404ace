import t from 'tap'

import { covers } from './config-drift.ts'

t.test('what is wanted is there, and more may be', (t) => {
  const cases: { name: string; have: unknown; want: unknown; covered: boolean }[] = [
    { name: 'equal values', have: { a: 1, b: 'x', c: null }, want: { a: 1, b: 'x', c: null }, covered: true },
    { name: 'another value', have: { a: 1 }, want: { a: 2 }, covered: false },
    { name: 'a number is no text', have: { a: 1 }, want: { a: '1' }, covered: false },
    { name: 'more members', have: { a: 1, b: 2 }, want: { a: 1 }, covered: true },
    { name: 'fewer members', have: { a: 1 }, want: { a: 1, b: 2 }, covered: false },
    {
      name: 'more members deep down',
      have: { a: { b: [{ c: 1, d: 2 }] } },
      want: { a: { b: [{ c: 1 }] } },
      covered: true,
    },
    { name: 'nothing at all', have: undefined, want: { a: 1 }, covered: false },
    { name: 'null in place of an object', have: { a: null }, want: { a: { b: 1 } }, covered: false },
    { name: 'text in place of an object', have: { a: 'b' }, want: { a: { b: 1 } }, covered: false },
    { name: 'text in place of a list', have: { a: 'b' }, want: { a: ['b'] }, covered: false },
    { name: 'an object in place of a list', have: { a: { 0: 'b' } }, want: { a: ['b'] }, covered: false },
    { name: 'an empty object that was left out', have: {}, want: { emptyDir: {} }, covered: true },
    { name: 'an empty list that was left out', have: {}, want: { env: [], subjects: [] }, covered: true },
    { name: 'a list', have: { drop: ['ALL'] }, want: { drop: ['ALL'] }, covered: true },
    { name: 'a longer list', have: { drop: ['ALL', 'KILL'] }, want: { drop: ['ALL'] }, covered: false },
    { name: 'a shorter list', have: { command: ['node'] }, want: { command: ['node', 'x'] }, covered: false },
    {
      name: 'a list in another order',
      have: { command: ['b', 'a'] },
      want: { command: ['a', 'b'] },
      covered: false,
    },
    {
      name: 'one more variable',
      have: {
        env: [
          { name: 'B', value: '2' },
          { name: 'A', value: '1' },
        ],
      },
      want: { env: [{ name: 'A', value: '1' }] },
      covered: true,
    },
    {
      name: 'a variable with another value',
      have: { env: [{ name: 'A', value: '2' }] },
      want: { env: [{ name: 'A', value: '1' }] },
      covered: false,
    },
    {
      name: 'a variable that was taken away',
      have: { env: [] },
      want: { env: [{ name: 'A' }] },
      covered: false,
    },
    {
      name: 'an owner beside another',
      have: {
        ownerReferences: [
          { uid: 'x', name: 'x' },
          { uid: 'y', name: 'y' },
        ],
      },
      want: { ownerReferences: [{ uid: 'y', name: 'y' }] },
      covered: true,
    },
    {
      name: 'a finalizer beside another',
      have: { finalizers: ['x', 'y'] },
      want: { finalizers: ['y'] },
      covered: true,
    },
    {
      name: 'a finalizer that is gone',
      have: { finalizers: ['x'] },
      want: { finalizers: ['y'] },
      covered: false,
    },
    {
      name: 'a mount at another place',
      have: { volumeMounts: [{ name: 'schema', mountPath: '/b' }] },
      want: { volumeMounts: [{ name: 'schema', mountPath: '/a' }] },
      covered: false,
    },
  ]
  for (const { name, have, want, covered } of cases) t.equal(covers(have, want), covered, name)
  t.end()
})
