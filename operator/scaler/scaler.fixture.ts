import { join } from 'node:path'

import {
  credentials,
  loadPackageDefinition,
  type ClientReadableStream,
  type ServiceError,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import { headers, type NatsConnection } from '@nats-io/transport-node'

import { eventKey, eventSubjects, streamNames, type EventRef } from '../../functions/queues/names.ts'
import { consumerConfigs, streamConfigs } from '../../functions/queues/stream-config.ts'
import { triggerMetadata } from '../../knative/resources/trigger.ts'

/** A client of the scaler that is made from the .proto file, as KEDA's is. */
export interface KedaClient {
  isActive(ref: EventRef): Promise<boolean>
  /** The words of a stream, in order; `next` waits for one. */
  stream(ref: EventRef): WordStream
  /** The same for any request. */
  streamOf(request: object): WordStream
  metricSpec(ref: EventRef, target: number): Promise<unknown>
  /** The value of the only metric. */
  pending(ref: EventRef): Promise<number>
  /** Calls a function of the service with any request. */
  call(name: string, request: object): Promise<unknown>
  close(): void
}

/** The words that a stream says. */
export interface WordStream {
  /** The next word; `end` when the stream ended well. Rejects with the error of the stream. */
  next(): Promise<boolean | 'end'>
  cancel(): void
}

type Callback = (error: ServiceError | null, response: unknown) => void
type Unary = (request: object, callback: Callback) => void
type Stream = (request: object) => ClientReadableStream<{ readonly result: boolean }>

const PROTO = join(import.meta.dirname, 'externalscaler.proto')

/** Connects to a scaler on this machine. */
export function connectKeda(port: number): KedaClient {
  const definition = loadSync(PROTO, { keepCase: true, longs: Number, defaults: true })
  const { externalscaler } = loadPackageDefinition(definition) as unknown as {
    externalscaler: {
      ExternalScaler: new (address: string, made: object) => Record<string, Unary> & { close(): void }
    }
  }
  const client = new externalscaler.ExternalScaler(`127.0.0.1:${port}`, credentials.createInsecure())
  const call = (name: string, request: object) =>
    new Promise<unknown>((resolve, reject) =>
      client[name]?.(request, (error, response) => (error === null ? resolve(response) : reject(error))),
    )
  const { StreamIsActive } = client as unknown as { StreamIsActive: Stream }
  const streamOf = (request: object) => wordsOf(StreamIsActive.call(client, request))
  return {
    call,
    isActive: async (ref) => ((await call('IsActive', scaledObject(ref))) as { result: boolean }).result,
    metricSpec: (ref, target) => call('GetMetricSpec', scaledObject(ref, target)),
    async pending(ref) {
      const request = { scaledObjectRef: scaledObject(ref), metricName: 'pending' }
      const { metricValues } = (await call('GetMetrics', request)) as {
        metricValues: readonly { readonly metricValue: number }[]
      }
      return metricValues[0]?.metricValue ?? NaN
    },
    stream: (ref) => streamOf(scaledObject(ref)),
    streamOf,
    close: () => client.close(),
  }
}

/** What KEDA sends of a ScaledObject. */
export function scaledObject(ref: EventRef, target = 8): object {
  const scalerMetadata = { scalerAddress: 'scaler:9090', ...triggerMetadata({ ref, target }) }
  return { name: `runner-${ref.event}`, namespace: ref.namespace, scalerMetadata }
}

function wordsOf(stream: ClientReadableStream<{ readonly result: boolean }>): WordStream {
  const heard: (boolean | 'end' | Error)[] = []
  let wake: () => void = () => undefined
  const hear = (word: boolean | 'end' | Error) => {
    heard.push(word)
    wake()
  }
  stream.on('data', ({ result }: { readonly result: boolean }) => hear(result))
  stream.on('end', () => hear('end'))
  stream.on('error', hear)
  return {
    async next() {
      while (heard.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      const word = heard.shift() ?? 'end'
      if (word instanceof Error) throw word
      return word
    },
    cancel: () => stream.cancel(),
  }
}

/** Writes messages of events straight into their streams. */
export interface EventStreams {
  /** Makes the streams of a Job, and the consumers of its events. */
  make(job: string, events?: readonly string[]): Promise<readonly EventRef[]>
  /** Stores an accepted event; gives its sequence. */
  accept(ref: EventRef, id?: string): Promise<number>
  /** Stores a message that is due, as a redrive does; gives its sequence. */
  due(ref: EventRef, id?: string): Promise<number>
  /** Stores a schedule that fires into `due` after a second. */
  later(ref: EventRef, id?: string): Promise<void>
  /** Settles an accepted event: deletes it by its sequence. */
  settle(ref: EventRef, sequence: number): Promise<void>
}

/** Writes on a connection. */
export async function eventStreams(connection: NatsConnection): Promise<EventStreams> {
  const manager: JetStreamManager = await jetstreamManager(connection)
  const js = manager.jetstream()
  const key = (id: string) => eventKey('/test', id)
  return {
    async make(job, events = ['ev1']) {
      const ref = { namespace: 'scaled', job }
      const queue = { storage: 'File', maxBytes: 2 ** 20, duplicateWindowSeconds: 120, replicas: 1 } as const
      for (const config of streamConfigs({ ref, queue, metadata: {} })) await manager.streams.add(config)
      const refs = events.map((event) => ({ ...ref, event }))
      const names = streamNames(ref)
      for (const each of refs) {
        const configs = consumerConfigs(each)
        await manager.consumers.add(names.queue, configs.queue)
        await manager.consumers.add(names.events, configs.events)
      }
      return refs
    },
    accept: async (ref, id = 'a') => (await js.publish(eventSubjects(ref).queued(key(id)), '{}')).seq,
    due: async (ref, id = 'a') => (await js.publish(eventSubjects(ref).record(key(id), 'due'), '{}')).seq,
    async later(ref, id = 'a') {
      const { record } = eventSubjects(ref)
      const fields = headers()
      fields.set('Nats-Schedule', `@at ${new Date(Date.now() + 1_000).toISOString()}`)
      fields.set('Nats-Schedule-Target', record(key(id), 'due'))
      await js.publish(record(key(id), 'later'), '{}', { headers: fields })
    },
    async settle(ref, sequence) {
      await manager.streams.deleteMessage(streamNames(ref).queue, sequence)
    },
  }
}
