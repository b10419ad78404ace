import { headers, type NatsConnection } from '@nats-io/transport-node'

import { chunkSubject, metaSubject } from '../modules/object-upload.ts'
import { moduleBucket } from '../modules/module-store.ts'
import {
  descendantsSubject,
  eventSubjects,
  streamNames,
  wakeSubject,
  type EventRef,
} from '../queues/names.ts'

/** Something that a connection can try to do to a Job in NATS. */
export interface Attempt {
  readonly name: string
  /** Tries it, and gives what was answered or heard. */
  readonly act: (connection: NatsConnection, target: EventRef, own: EventRef) => Promise<string>
}

const ANSWER_MS = 400
const KEY = 'k'.repeat(26)
const API = '$JS.API'

/** Sends a request and gives the answer's text, or why there is none. */
async function ask(
  connection: NatsConnection,
  subject: string,
  body: object | string = '',
  fields: Readonly<Record<string, string>> = {},
): Promise<string> {
  const payload = typeof body === 'string' ? body : JSON.stringify(body)
  const all = headers()
  for (const [name, value] of Object.entries(fields)) all.set(name, value)
  try {
    return (await connection.request(subject, payload, { timeout: ANSWER_MS, headers: all })).string()
  } catch (fault) {
    return `no answer: ${(fault as Error).message}`
  }
}

/** Subscribes and gives what comes while somebody stores something in each stream of the target. */
async function listen(connection: NatsConnection, subject: string): Promise<string> {
  const heard: string[] = []
  const refused = Promise.withResolvers<string>()
  const subscription = connection.subscribe(subject, {
    callback: (fault, message) => {
      if (fault !== null) refused.resolve(`no answer: ${fault.message}`)
      else heard.push(message.string())
    },
  })
  const timer = setTimeout(() => refused.resolve(heard.join('\n')), ANSWER_MS)
  const text = await refused.promise
  clearTimeout(timer)
  subscription.unsubscribe()
  return text
}

/** Publishes with a reply subject of somebody else, to which the server would then send the answer. */
async function replyTo(
  connection: NatsConnection,
  subject: string,
  reply: string,
  body = '1',
): Promise<string> {
  connection.publish(subject, body, { reply })
  await connection.flush()
  return ''
}

const streamsOf = (ref: EventRef) => streamNames(ref)
const objects = ({ namespace }: EventRef) => `OBJ_${moduleBucket(namespace)}`
const onStream = (verb: string, body: object = {}) => ({
  name: `${API}.STREAM.${verb}`,
  act: (connection: NatsConnection, target: EventRef) =>
    ask(connection, `${API}.STREAM.${verb}.${streamsOf(target).queue}`, body),
})
const onConsumer = (verb: string, body: object = {}) => ({
  name: `${API}.CONSUMER.${verb}`,
  act: (connection: NatsConnection, target: EventRef) =>
    ask(connection, `${API}.CONSUMER.${verb}.${streamsOf(target).queue}.${target.event}`, body),
})
const heardOn = (name: string, subject: (target: EventRef) => string): Attempt => ({
  name: `hear ${name}`,
  act: (connection, target) => listen(connection, subject(target)),
})

/** Requests that a part may have to send in its own namespace. */
export const REQUESTS: readonly Attempt[] = [
  {
    name: 'store an event',
    act: (connection, target) =>
      ask(connection, eventSubjects(target).queued('a'.repeat(26)), 'x', { 'Nats-Msg-Id': 'new' }),
  },
  {
    name: 'store an outcome',
    act: (connection, target) => ask(connection, eventSubjects(target).record(KEY, 'done'), 'x'),
  },
  {
    name: 'count descendants',
    act: (connection, target) => ask(connection, descendantsSubject(target, KEY), '1 1'),
  },
  {
    name: 'store a chunk of a module',
    act: (connection, { namespace }) =>
      ask(connection, chunkSubject({ bucket: moduleBucket(namespace), nuid: 'n' }), 'x'),
  },
  {
    name: 'name a module',
    act: (connection, { namespace }) => ask(connection, metaSubject(moduleBucket(namespace), 'a.wasm'), '{}'),
  },
  {
    name: 'read of a module store',
    act: (connection, target) =>
      ask(connection, `${API}.STREAM.MSG.GET.${objects(target)}`, { last_by_subj: '>' }),
  },
  onStream('INFO'),
  onStream('MSG.GET', { last_by_subj: '>' }),
  onStream('MSG.DELETE', { seq: 1 }),
  onStream('PURGE'),
  onStream('UPDATE', { max_bytes: 1 }),
  onStream('SNAPSHOT', { deliver_subject: 'stolen' }),
  onStream('LEADER.STEPDOWN'),
  onStream('PEER.REMOVE', { peer: 'x' }),
  {
    name: `${API}.DIRECT.GET`,
    act: (connection, target) =>
      ask(connection, `${API}.DIRECT.GET.${streamsOf(target).queue}`, { last_by_subj: '>' }),
  },
  { name: `${API}.STREAM.NAMES`, act: (connection) => ask(connection, `${API}.STREAM.NAMES`) },
  { name: `${API}.STREAM.LIST`, act: (connection) => ask(connection, `${API}.STREAM.LIST`) },
  { name: `${API}.INFO`, act: (connection) => ask(connection, `${API}.INFO`) },
  {
    name: `${API}.CONSUMER.NAMES`,
    act: (connection, target) => ask(connection, `${API}.CONSUMER.NAMES.${streamsOf(target).queue}`),
  },
  {
    name: `${API}.CONSUMER.LIST`,
    act: (connection, target) => ask(connection, `${API}.CONSUMER.LIST.${streamsOf(target).queue}`),
  },
  {
    name: `${API}.CONSUMER.CREATE`,
    act: (connection, target) => {
      const { queue: stream } = streamsOf(target)
      const config = {
        name: 'c',
        ack_policy: 'explicit',
        mem_storage: true,
        inactive_threshold: 5_000_000_000,
      }
      return ask(connection, `${API}.CONSUMER.CREATE.${stream}.c`, { stream_name: stream, config })
    },
  },
  {
    name: `${API}.CONSUMER.DURABLE.CREATE`,
    act: (connection, target) => {
      const { queue: stream } = streamsOf(target)
      const config = { durable_name: 'd', ack_policy: 'explicit' }
      return ask(connection, `${API}.CONSUMER.DURABLE.CREATE.${stream}.d`, { stream_name: stream, config })
    },
  },
  onConsumer('INFO'),
  onConsumer('MSG.NEXT', { batch: 1, no_wait: true }),
  onConsumer('PAUSE', { pause_until: '2100-01-01T00:00:00Z' }),
  onConsumer('RESET'),
  onConsumer('UNPIN', { group: 'g' }),
  onConsumer('LEADER.STEPDOWN'),
  onConsumer('DELETE'),
  {
    name: 'acknowledge',
    act: (connection, target) =>
      ask(
        connection,
        `$JS.ACK.${streamsOf(target).queue}.${target.event}.1.1.1.1796055768331574418.0`,
        '+ACK',
      ),
  },
  heardOn('records', (target) => eventSubjects(target).records('*')),
  heardOn('accepted events', (target) => eventSubjects(target).queued('*')),
  heardOn('wakes', wakeSubject),
  heardOn('modules', ({ namespace }) => `$O.${moduleBucket(namespace)}.>`),
  heardOn('the API', () => `${API}.>`),
  heardOn('advisories', () => '$JS.EVENT.>'),
  heardOn('all inboxes', () => '_INBOX.>'),
  heardOn('everything', () => '>'),
  onStream('DELETE'),
]

/** Ways around the permissions: the server itself is to do for somebody what he may not do. */
export const DETOURS: readonly Attempt[] = [
  {
    name: 'the answer to an event, to its queue',
    act: (connection, target, own) =>
      replyTo(connection, eventSubjects(own).queued('b'.repeat(26)), eventSubjects(target).queued(KEY)),
  },
  {
    name: 'the answer to an outcome, to its records',
    act: (connection, target, own) =>
      replyTo(connection, eventSubjects(own).record(KEY, 'done'), eventSubjects(target).record(KEY, 'dead')),
  },
  {
    name: 'pulled events, to its queue',
    act: (connection, target, own) =>
      replyTo(
        connection,
        `${API}.CONSUMER.MSG.NEXT.${streamsOf(own).queue}.${own.event}`,
        eventSubjects(target).queued(KEY),
      ),
  },
  {
    name: 'a read message, to its modules',
    act: (connection, target, own) =>
      replyTo(
        connection,
        `${API}.STREAM.MSG.GET.${streamsOf(own).queue}`,
        metaSubject(moduleBucket(target.namespace), 'a.wasm'),
        '{"seq":1}',
      ),
  },
  {
    name: 'an answer, to the API: delete its queue',
    act: (connection, target, own) =>
      replyTo(
        connection,
        eventSubjects(own).queued('c'.repeat(26)),
        `${API}.STREAM.DELETE.${streamsOf(target).queue}`,
      ),
  },
  {
    name: 'a push consumer, to its queue',
    act: (connection, target, own) => {
      const { queue: stream } = streamsOf(own)
      const config = { name: 'p', ack_policy: 'none', deliver_subject: eventSubjects(target).queued(KEY) }
      return ask(connection, `${API}.CONSUMER.CREATE.${stream}.p`, { stream_name: stream, config })
    },
  },
  {
    name: 'a stream with its queue as source',
    act: (connection, target) =>
      ask(connection, `${API}.STREAM.CREATE.thief`, {
        ...{ name: 'thief', storage: 'memory', retention: 'limits', discard: 'old', num_replicas: 1 },
        sources: [{ name: streamsOf(target).queue }],
      }),
  },
  {
    name: 'a mirror of its modules',
    act: (connection, target) =>
      ask(connection, `${API}.STREAM.CREATE.mirror`, {
        ...{ name: 'mirror', storage: 'memory', retention: 'limits', discard: 'old', num_replicas: 1 },
        mirror: { name: objects(target) },
      }),
  },
  {
    name: 'a stream with its subjects',
    act: (connection, target) =>
      ask(connection, `${API}.STREAM.CREATE.hers`, {
        ...{ name: 'hers', storage: 'memory', retention: 'limits', discard: 'old', num_replicas: 1 },
        subjects: [`jobico-wake.${target.namespace}.>`],
      }),
  },
  {
    name: 'a stream that republishes to its queue',
    act: async (connection, target, own) => {
      const made = await ask(connection, `${API}.STREAM.CREATE.again`, {
        ...{ name: 'again', storage: 'memory', retention: 'limits', discard: 'old', num_replicas: 1 },
        subjects: [descendantsSubject(own, 'again')],
        republish: { src: '>', dest: eventSubjects(target).queued(KEY) },
      })
      await ask(connection, descendantsSubject(own, 'again'), 'x')
      return made
    },
  },
  {
    name: 'a trace of a message, to its queue',
    act: (connection, target, own) =>
      ask(connection, eventSubjects(own).queued('d'.repeat(26)), 'x', {
        'Nats-Trace-Dest': eventSubjects(target).queued(KEY),
      }),
  },
  {
    name: 'the claim to be somebody else, in a header',
    act: (connection, target) =>
      ask(connection, `${API}.STREAM.MSG.GET.${streamsOf(target).queue}`, '{"last_by_subj":">"}', {
        'Nats-Request-Info': '{"acc":"$SYS","svc":"x","user":"x"}',
      }),
  },
  {
    name: 'a report that all disks are full',
    act: async (connection) => {
      const usage = { of: 'bytes', used: 1, size: 1 }
      connection.publish('jobico-storage', JSON.stringify({ server: 'x', usage, closed: true }))
      return await ask(connection, 'jobico-storage', '{}')
    },
  },
  {
    name: 'an account of his own',
    act: (connection) => ask(connection, '$SYS.REQ.CLAIMS.UPDATE', 'x'),
  },
  {
    name: 'all servers',
    act: (connection) => ask(connection, '$SYS.REQ.SERVER.PING.JSZ', '{"streams":true}'),
  },
]
