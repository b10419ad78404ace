import t from 'tap'

import { literal, quantity, type EnvVar } from './pod.ts'

t.test('quantities are as the API server writes them', (t) => {
  const cases = [
    [0, '0Mi'],
    [1, '1Mi'],
    [2 ** 20, '1Mi'],
    [2 ** 20 + 1, '2Mi'],
    [1023 * 2 ** 20, '1023Mi'],
    [2 ** 30, '1Gi'],
    [3 * 2 ** 29, '1536Mi'],
    [2 ** 40, '1Ti'],
    [2 ** 50, '1Pi'],
    [2 ** 60, '1024Pi'],
  ] as const
  for (const [bytes, text] of cases) t.equal(quantity(bytes), text)
  t.end()
})

t.test('values reach the process as they stand', (t) => {
  // How Kubernetes reads a value: $$ is $, and $(NAME) is another variable.
  const read = ({ value = '' }: EnvVar) =>
    value.replace(/\$\$|\$\([^)]*\)/g, (found) => (found === '$$' ? '$' : 'replaced'))
  for (const value of ['', 'plain', '$', '$$', '$(HOME)', '$$(HOME)', 'a$b$$c$(d)$'])
    t.equal(read(literal('X', value)), value, value)
  t.end()
})
