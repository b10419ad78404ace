import type { Test } from 'tap'

import { openApiServer, type ApiServer } from './api-server.ts'

export { NAMESPACE, until, type ApiServer } from './api-server.ts'

const TEST_TIMEOUT_MS = 5 * 60_000

/** Starts a kube-apiserver and its etcd; they stop when the test ends. Throws an Error where they are not built yet. */
export async function startApiServer(t: Test): Promise<ApiServer> {
  t.setTimeout(TEST_TIMEOUT_MS)
  const server = await openApiServer()
  t.teardown(() => server.close())
  return server
}
