import t from 'tap'

import { faultsConfig } from '../config.ts'
import { moveCase } from './move.fixture.ts'

t.test('a backup of a running Job is restored into a fresh NATS', async (t) => {
  const { servers } = faultsConfig()
  await moveCase(t, { fault: 'restore into a fresh NATS', servers: [servers, servers] })
})
