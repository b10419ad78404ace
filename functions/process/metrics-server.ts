import { createServer, type Server } from 'node:http'

import type { Registry } from 'prom-client'

import { HEALTH } from './health.ts'

/**
 * Serves a registry's metrics at `/metrics` in the Prometheus text format and, if `isReady` is given, the health checks.
 * Resolves once it listens; port 0 picks a free one.
 */
export async function serveMetrics(
  registry: Registry,
  port: number,
  isReady?: () => boolean,
): Promise<Server> {
  const server = createServer((request, response) => {
    const status = isReady && healthStatus(request.url, isReady)
    if (status !== undefined || request.url !== '/metrics') {
      response.writeHead(status ?? 404).end()
      return
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    )
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, resolve))
  return server
}

function healthStatus(path: string | undefined, isReady: () => boolean): number | undefined {
  if (path === HEALTH.live) return 200
  if (path === HEALTH.ready) return isReady() ? 200 : 503
  return undefined
}
