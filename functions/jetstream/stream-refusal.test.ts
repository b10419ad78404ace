import t from 'tap'

import { formatBytes } from './stream-refusal.ts'

const cases = [
  [0, '0'],
  [1, '1'],
  [1023, '1023'],
  [1024, '1Ki'],
  [1536, '1.5Ki'],
  [256 * 2 ** 20, '256Mi'],
  [10 * 2 ** 30 + 2 ** 29, '10.5Gi'],
  [2 ** 52, '4Pi'],
  [Number.MAX_SAFE_INTEGER, '8Pi'],
] as const

t.test('bytes as Kubernetes writes them', (t) => {
  for (const [bytes, text] of cases) t.equal(formatBytes(bytes), text)
  t.end()
})
