import t from 'tap'

import { MAX_DESCENDANTS } from './families.ts'
import { lineageFault, type Lineage } from './verdict-limits.ts'

const KiB = 1024
const LINEAGE: Lineage = {
  more: { events: 2, bytes: KiB },
  hops: 3,
  family: { events: 10, bytes: 10 * KiB },
  mostBytes: 20 * KiB,
}

const CASES: readonly { readonly name: string; readonly is: Partial<Lineage>; readonly want?: RegExp }[] = [
  { name: 'a small family', is: {} },
  { name: 'the last hop', is: { hops: 99 } },
  { name: 'one hop more', is: { hops: 100 }, want: /^100 hand-overs led to this event, .* break the circle/ },
  { name: 'nothing is handed over', is: { hops: 100, more: { events: 0, bytes: 0 } } },
  { name: 'the last descendants', is: { family: { events: MAX_DESCENDANTS - 2, bytes: 0 } } },
  {
    name: 'one descendant more',
    is: { family: { events: MAX_DESCENDANTS - 1, bytes: 0 } },
    want: /^9999 events came out of one event by hand-overs, and no more than 10000 are allowed/,
  },
  { name: 'the last bytes', is: { family: { events: 10, bytes: 19 * KiB } } },
  {
    name: 'one byte more',
    is: { family: { events: 10, bytes: 19 * KiB + 1 } },
    want: /^19Ki came out of one event by hand-overs, .* 20Ki are allowed: .* `spec\.queue\.maxBytes`$/,
  },
  {
    name: 'one event, which takes the place of its cause',
    is: { more: { events: 1, bytes: KiB }, family: { events: MAX_DESCENDANTS, bytes: 20 * KiB } },
  },
  {
    name: 'the first ones, however large',
    is: { more: { events: 2, bytes: 90 * KiB }, family: { events: 0, bytes: 0 } },
  },
  { name: 'a queue without a limit', is: { family: { events: 10, bytes: 1e12 }, mostBytes: Infinity } },
]

t.test('what comes out of one event by hand-overs is limited', (t) => {
  for (const { name, is, want } of CASES) {
    const fault = lineageFault({ ...LINEAGE, ...is })
    if (want === undefined) t.equal(fault, undefined, name)
    else t.match(fault, { kind: 'reject', code: 'OUTPUT_INVALID', reason: want }, name)
  }
  t.end()
})
