import t from 'tap'

import { moveCase } from './move.fixture.ts'

t.test('a Job moves from one server to three, and back', async (t) => {
  await moveCase(t, { fault: 'three: from one server to three, and back', servers: [1, 3, 1] })
})
