import t from 'tap'

import { covers, withHash } from './hash.ts'
import type { KubeObject } from '../kube/object.ts'
import { ANNOTATIONS } from './labels.ts'

const object = {
  apiVersion: 'v1',
  metadata: { name: 'a', annotations: { x: '1', y: '2' } },
  data: [{ b: 1, c: 2 }],
}
const reordered = {
  data: [{ c: 2, b: 1 }],
  metadata: { annotations: { y: '2', x: '1' }, name: 'a' },
  apiVersion: 'v1',
}

const hashOf = (of: KubeObject & { readonly data?: unknown }) =>
  withHash(of).metadata.annotations?.[ANNOTATIONS.hash]

t.test('equal objects have equal hashes, others have others', (t) => {
  t.match(hashOf(object), /^[0-9a-f]{64}$/)
  t.equal(hashOf(reordered), hashOf(object))
  t.not(hashOf({ ...object, data: [{ b: 1, c: 3 }] }), hashOf(object))
  t.not(
    hashOf({
      ...object,
      data: [
        { b: 1, c: 2 },
        { b: 1, c: 2 },
      ],
    }),
    hashOf(object),
  )
  t.end()
})

t.test('an object with its hash says all that it said, and is another one', (t) => {
  const before = structuredClone(object)
  t.ok(covers(withHash(object), object))
  t.same(object, before)
  t.same(withHash({ metadata: { name: 'bare' } }).metadata.name, 'bare')
  t.end()
})
