import { randomUUID } from 'node:crypto'

/** One hostile connection: what it sends, and what it does with the answers. */
export interface Kind {
  readonly name: string
  /** What is sent at first; each call gives another one. */
  readonly begin: () => string
  /** What is sent every second from then on. */
  readonly drip?: string
  /** What is sent for each answer. */
  readonly again?: () => string
  /** Whether it ends its own side once it has sent that. */
  readonly half?: boolean
  /** Whether it leaves the answers unread. */
  readonly deaf?: boolean
}

const JSON_LINE = 'Content-Type: application/json\r\n'
const POST = `POST / HTTP/1.1\r\nHost: x\r\n${JSON_LINE}`
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`
const KEY = 'a'.repeat(26)
const DATA = '{"firstName":"a","lastName":"b"}'
/** As many bytes of headers as Node takes, in 16,000 headers. */
const TINY_HEADERS = Array.from({ length: 16_000 }, (_, at) => `${at.toString(36)}:\r\n`)
  .join('')
  .slice(0, 63 * 1024)

function get(path = `/events/${KEY}`): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
}

/** An event with an id of its own. */
function event(more = ''): string {
  const attributes = `ce-specversion: 1.0\r\nce-type: a\r\nce-source: /hostile\r\nce-id: ${randomUUID()}\r\n`
  return `${POST}${attributes}${more}Content-Length: ${DATA.length}\r\n\r\n${DATA}`
}

/** A request that is answered with 100 faults, some 10 KB. */
function faulty(): string {
  const body = JSON.stringify({ data: Array.from({ length: 100 }, () => ({})) })
  return `${POST}Content-Length: ${body.length}\r\n\r\n${body}`
}

const chunk = '1\r\n \r\n'

/** What hostile clients do, each kind over many connections. */
export const KINDS: readonly Kind[] = [
  { name: 'connections that say nothing', begin: () => '' },
  { name: 'idle keep-alives', begin: () => get('/health/live') },
  { name: 'slow headers', begin: () => 'POST / HTTP/1.1\r\nHost: x\r\n', drip: 'x: y\r\n' },
  { name: 'long headers without an end', begin: () => `${POST}x: ${'x'.repeat(60_000)}` },
  { name: 'many headers', begin: () => `${POST}Content-Length: 100\r\n${TINY_HEADERS}\r\n\r\n` },
  { name: 'many headers without an end', begin: () => `${POST}Content-Length: 100\r\n${TINY_HEADERS}` },
  { name: 'slow bodies', begin: () => `${POST}Content-Length: 1000000\r\n\r\n{`, drip: ' ' },
  {
    name: 'large bodies that stop before their end',
    begin: () => `${POST}Content-Length: 1000000\r\n\r\n${' '.repeat(999_999)}`,
  },
  { name: 'bodies in parts of one byte', begin: () => CHUNKED + chunk.repeat(400), drip: chunk },
  { name: 'trailers without an end', begin: () => `${CHUNKED}2\r\n[]\r\n0\r\n`, drip: 'x: y\r\n' },
  { name: 'clients that wait', begin: () => event('Prefer: wait=60\r\n') },
  { name: 'floods of questions', begin: () => get(), again: () => get() },
  { name: 'pipelines of questions', begin: () => get().repeat(10), again: () => get() },
  { name: 'pipelines that are too long', begin: () => get().repeat(800) },
  { name: 'pipelines of events', begin: () => Array.from({ length: 10 }, () => event()).join('') },
  { name: 'readers of nothing', begin: () => faulty().repeat(20), deaf: true },
  { name: 'half-closed requests', begin: () => `${POST}Content-Length: 100\r\n\r\n{`, half: true },
  { name: 'half-closed connections', begin: () => get(), half: true, deaf: true },
  { name: 'no HTTP', begin: () => 'HELLO\r\n\r\n' },
]
