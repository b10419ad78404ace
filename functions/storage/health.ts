/** What a nats-server answers to `/healthz`. */
export interface Health {
  readonly status: string
  /** What is wrong, if anything is. */
  readonly error?: string
}

const TIMEOUT_MS = 2_000
/**
 * Only this form of the question tells of streams that have stopped for want of room (their write error) without telling of
 * those that are merely behind, which a restart would not help.
 */
const PATH = '/healthz?js-meta-only=true'

/** Asks the monitoring of a server at a URL such as `http://127.0.0.1:8222`; undefined if it does not answer. */
export async function readHealth(monitoringUrl: string): Promise<Health | undefined> {
  try {
    const answer = await fetch(monitoringUrl + PATH, { signal: AbortSignal.timeout(TIMEOUT_MS) })
    return (await answer.json()) as Health
  } catch {
    return undefined
  }
}

/**
 * Whether JetStream, or a stream of it, has stopped for a fault of the disk. It stays stopped until the server is restarted,
 * even when there is room again. Pure.
 */
export function hasStopped({ status, error = '' }: Health): boolean {
  return status !== 'ok' && /write error|JetStream not enabled/.test(error)
}
