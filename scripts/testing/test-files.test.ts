import { existsSync } from 'node:fs'
import { join } from 'node:path'

import t from 'tap'

import { KINDS, kindOf, testFiles } from './test-files.ts'

const ROOT = join(import.meta.dirname, '..', '..')

t.test('the name of a test file says what it needs', (t) => {
  const cases = [
    { file: 'schemas/validator.test.ts', want: 'unit' },
    { file: 'schemas/suite.int.test.ts', want: 'int' },
    { file: 'scripts/dev/saves.dev.test.ts', want: 'dev' },
    { file: 'knative/kube/client.api.test.ts', want: 'api' },
    { file: 'functions/process/rate-limit.test.ts', want: 'unit' },
    { file: 'scripts/faults/cases/disk.faults.test.ts', want: undefined },
    { file: 'scripts/security/tenants.security.test.ts', want: undefined },
    { file: 'scripts/e2e/alone/1-quiet.e2e.test.ts', want: undefined },
  ]
  for (const { file, want } of cases) t.equal(kindOf(file), want, file)
  t.end()
})

t.test('each test file is run by one command', (t) => {
  const files = testFiles(ROOT, KINDS)
  t.equal(new Set(files).size, files.length)
  t.ok(files.every((file) => existsSync(join(ROOT, file))))
  t.ok(files.includes('scripts/testing/test-files.test.ts'))
  t.same(
    testFiles(ROOT, ['api']).filter((file) => !file.endsWith('.api.test.ts')),
    [],
  )
  t.end()
})
