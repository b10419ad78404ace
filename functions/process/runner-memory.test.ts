import t from 'tap'

import { podLimit, threadHeap } from './runner-memory.ts'

const MiB = 2 ** 20

t.test('the heap of a thread is its share of the limit of its pod', (t) => {
  const cases = [
    { memoryBytes: 64 * MiB, concurrency: 4, heap: 192, limit: 1_536 },
    { memoryBytes: 64 * MiB, concurrency: 1, heap: 384, limit: 768 },
    { memoryBytes: 1 * MiB, concurrency: 1, heap: 258, limit: 516 },
    { memoryBytes: 4096 * MiB, concurrency: 2, heap: 512, limit: 33_280 },
    { memoryBytes: 1 * MiB, concurrency: 32, heap: 24, limit: 640 },
  ]
  for (const { heap, limit, ...size } of cases) {
    const name = JSON.stringify(size)
    t.equal(threadHeap(size), heap * MiB, name)
    t.equal(podLimit(size), limit * MiB, name)
  }
  t.end()
})
