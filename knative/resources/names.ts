import { dnsLabel } from '../../functions/queues/names.ts'

const SHORT_DIGEST = 10

/** The name of an event's Knative Service. */
export function listenerName(event: string): string {
  return `listener-${dnsLabel(event)}`
}

/** The name of an event's runner Deployment and of its ScaledObject. */
export function runnerName(event: string): string {
  return `runner-${dnsLabel(event)}`
}

/** The name of the ConfigMap that holds a copy of an event's schema; `digest` is `sha256-<hex>`. */
export function schemaCopyName(event: string, digest: string): string {
  return `${listenerName(event)}-${digest.replace(/^sha256-/, '').slice(0, SHORT_DIGEST)}`
}
