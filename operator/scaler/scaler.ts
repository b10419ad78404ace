import { promisify } from 'node:util'

import {
  Server,
  ServerCredentials,
  status,
  type handleUnaryCall,
  type ServerWritableStream,
  type StatusObject,
} from '@grpc/grpc-js'

import { JobicoError, messageOf, type ErrorCode } from '../../functions/process/errors.ts'
import type { Log } from '../../functions/process/log.ts'
import { parseTrigger, type Trigger } from '../../knative/resources/trigger.ts'
import type { NatsLinks } from '../nats/links.ts'
import {
  EXTERNAL_SCALER,
  type ExternalScaler,
  type IsActiveResponse,
  type ScaledObjectRef,
} from './protocol.ts'
import { createScaledEvents } from './scaled-events.ts'

/** A running scaler. */
export interface Scaler {
  readonly port: number
  /** How many events KEDA follows here. */
  followed(): number
  /** Ends all calls, so that KEDA goes to another pod. */
  close(): Promise<void>
}

/** What a scaler needs. */
export interface ScalerOptions {
  /** The connections to NATS. They are not closed here. */
  readonly links: NatsLinks
  /** The port; 0 picks a free one. */
  readonly port: number
  readonly log: Log
  /** Called with the number of requests that are sent to NATS. */
  readonly onRequests: (count: number) => void
}

/** The name of the one metric. KEDA puts the number of the trigger before it. */
const METRIC = 'pending'
/** A client that is gone without a word is noticed after the sum of both. */
const KEEPALIVE = { 'grpc.keepalive_time_ms': 30_000, 'grpc.keepalive_timeout_ms': 10_000 }
const CLOSE_LIMIT_MS = 2_000
const STATUS_OF: Partial<Record<ErrorCode, status>> = {
  CONFIG_INVALID: status.INVALID_ARGUMENT,
  NATS_TOO_OLD: status.UNAVAILABLE,
  NOT_FOUND: status.NOT_FOUND,
  QUEUE_UNAVAILABLE: status.UNAVAILABLE,
}

/** Serves KEDA's external scaler. Resolves once it listens, whether NATS can be reached or not; rejects if it can't listen. */
export async function startScaler(options: ScalerOptions): Promise<Scaler> {
  const { links, port, onRequests } = options
  const events = createScaledEvents({ links, onRequests })
  const unfollow = links.follow({
    needs: (namespace) => events.needs(namespace),
    onUp: (_connection, namespace) => events.lookAtAll(namespace),
    onServers: (namespace) => events.lookAtAll(namespace),
  })
  const streams = new Set<ServerWritableStream<ScaledObjectRef, IsActiveResponse>>()
  const scaler: ExternalScaler = {
    IsActive: answers(async (scaledObject) => ({
      result: await events.isActive(triggerOf(scaledObject).ref),
    })),
    // KEDA waits before it opens a stream again: 2 s after one that ended well, and twice as long as before, up to a minute,
    // after each that did not. So a stream ends well whenever nothing can be missed for some seconds: after each new true.
    StreamIsActive(call) {
      try {
        const { ref } = triggerOf(call.request)
        let isOpen = false
        const unfollow = events.follow(ref, (result) => {
          call.write({ result })
          if (result && isOpen) call.end()
        })
        isOpen = true
        streams.add(call)
        const stop = () => {
          streams.delete(call)
          unfollow()
        }
        call.on('close', stop).on('cancelled', stop)
      } catch (thrown) {
        call.emit('error', statusOf(thrown))
      }
    },
    GetMetricSpec: answers((scaledObject) => ({
      metricSpecs: [{ metricName: METRIC, targetSize: triggerOf(scaledObject).target }],
    })),
    GetMetrics: answers(async ({ scaledObjectRef }) => ({
      metricValues: [
        { metricName: METRIC, metricValue: await events.pending(triggerOf(scaledObjectRef).ref) },
      ],
    })),
  }
  const server = new Server(KEEPALIVE)
  server.addService(EXTERNAL_SCALER, { ...scaler })
  const bind = promisify(server.bindAsync.bind(server))
  return {
    port: await bind(`[::]:${port}`, ServerCredentials.createInsecure()),
    followed: () => events.followed(),
    async close() {
      for (const stream of streams) stream.end()
      const forced = setTimeout(() => server.forceShutdown(), CLOSE_LIMIT_MS)
      await promisify(server.tryShutdown.bind(server))().catch(() => undefined)
      clearTimeout(forced)
      unfollow()
      events.close()
    },
  }
}

/** A call with one answer. */
function answers<Request, Response>(
  answer: (request: Request) => Response | Promise<Response>,
): handleUnaryCall<Request, Response> {
  return ({ request }, reply) => {
    const answered = (async () => await answer(request))()
    answered.then(
      (response) => reply(null, response),
      (thrown: unknown) => reply(statusOf(thrown)),
    )
  }
}

function triggerOf(scaledObject: ScaledObjectRef | null): Trigger {
  const { name = '', namespace = '', scalerMetadata = {} } = scaledObject ?? {}
  const trigger = parseTrigger(namespace, scalerMetadata)
  if (trigger !== undefined) return trigger
  throw new JobicoError(
    'CONFIG_INVALID',
    `the ScaledObject ${name} of the namespace ${namespace} names no event: metadata of its trigger has to have job, event, and target, a positive whole number`,
  )
}

function statusOf(thrown: unknown): Partial<StatusObject> {
  const code = thrown instanceof JobicoError ? STATUS_OF[thrown.code] : undefined
  return { code: code ?? status.INTERNAL, details: messageOf(thrown) }
}
