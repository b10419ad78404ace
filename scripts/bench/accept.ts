import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { EventRef } from '../../functions/queues/names.ts'
import { startSubject, type Place } from './place.ts'

const run = promisify(execFile)

const BODY = '{"data":[{"firstName":"Andres","lastName":"Costa"}]}'
const SCHEMA = {
  type: 'object',
  properties: { firstName: { type: 'string' }, lastName: { type: 'string' }, age: { type: 'integer' } },
  required: ['firstName', 'lastName'],
}
const CONNECTIONS = 32
const RESULT_LIMIT_S = 60
/** A busy machine may keep a request waiting for longer than the two seconds of wrk. */
const WRK_TIMEOUT = '10s'
/** How long a listener gets requests before it is measured. */
export const WARM_UP_S = 2

/** Requests answered per second. */
export interface AcceptRates {
  readonly bare: number
  readonly listener: number
}

/** Measures a bare node:http server and the listener alternately, with the same requests from wrk. */
export async function measureAccept(place: Place, seconds: number, rounds: number): Promise<AcceptRates> {
  const listener = await startListener(place, await place.newJob())
  const bare = await startBareServer()
  const rates: { bare: number[]; listener: number[] } = { bare: [], listener: [] }
  try {
    await listener.rate(WARM_UP_S)
    for (let round = 0; round < rounds; round++) {
      rates.bare.push(
        await wrk({
          script: listener.script,
          url: `http://127.0.0.1:${bare.port}/`,
          seconds,
          connections: CONNECTIONS,
        }),
      )
      rates.listener.push(await listener.rate(seconds))
    }
  } finally {
    bare.close()
    await listener.stop()
  }
  return { bare: median(rates.bare), listener: median(rates.listener) }
}

/** A listener that can be measured. */
export interface MeasuredListener {
  /** The request that wrk sends. */
  readonly script: string
  /** The requests answered per second, measured over `seconds`. */
  rate(seconds: number): Promise<number>
  /** Sends one event and waits for its result. Throws an Error if there is none within a minute. */
  result(): Promise<void>
  stop(): Promise<void>
}

/** What wrk sends, and over how many connections. */
export interface Load {
  readonly body: string
  readonly connections: number
}

/** Starts a listener of an event; the caller has to stop it. */
export async function startListener(
  place: Pick<Place, 'environmentOf' | 'folder'>,
  ref: EventRef,
  load: Load = { body: BODY, connections: CONNECTIONS },
): Promise<MeasuredListener> {
  const script = join(place.folder, 'post.lua')
  await writeFile(script, wrkScript(load.body))
  const schema = join(place.folder, 'schema.json')
  await writeFile(schema, JSON.stringify(SCHEMA))
  const listener = startSubject('listener', place, ref, {
    JOBICO_SCHEMA: schema,
    PORT: '0',
    HOST: '127.0.0.1',
  })
  const { port } = await listener.said('Listening')
  const url = `http://127.0.0.1:${String(port)}/listener/${ref.event}`
  return {
    script,
    rate: (seconds) => wrk({ script, url, seconds, connections: load.connections }),
    result: () => resultOf(url, load.body),
    stop: listener.stop,
  }
}

async function resultOf(url: string, body: string): Promise<void> {
  const headers = { 'content-type': 'application/json', prefer: `wait=${RESULT_LIMIT_S}` }
  const response = await fetch(url, { method: 'POST', headers, body })
  if (response.status !== 200)
    throw new Error(`no result from ${url}: ${response.status} ${await response.text()}`)
}

/** A server that reads the body and answers 202 without a body, in a process of its own like the listener. */
async function startBareServer() {
  const child = execFile(process.execPath, ['--input-type=module', '--eval', BARE_SERVER])
  if (child.stdout === null) throw new Error('the bare server has no output')
  const [line] = (await once(child.stdout, 'data')) as [string]
  return { port: Number(line), close: () => child.kill() }
}

const BARE_SERVER = `
import { createServer } from 'node:http'
const server = createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    Buffer.concat(chunks)
    response.writeHead(202).end()
  })
}).listen(0, '127.0.0.1', () => console.log(server.address().port))
`

function wrkScript(body: string): string {
  return `
wrk.method = "POST"
wrk.body = ${JSON.stringify(body)}
wrk.headers["Content-Type"] = "application/json"
function done(summary)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format("\\nRESULT %f %d\\n", summary.requests / summary.duration * 1e6, failed))
end
`
}

interface WrkRun {
  readonly script: string
  readonly url: string
  readonly seconds: number
  readonly connections: number
}

/** Requests per second. Throws when any request was not answered with success. */
async function wrk({ script, url, seconds, connections }: WrkRun): Promise<number> {
  const { stdout } = await run('wrk', [
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '--timeout',
    WRK_TIMEOUT,
    '-s',
    script,
    url,
  ]).catch((cause: unknown) => {
    throw new Error('wrk does not run: install it (apt-get install wrk, brew install wrk)', { cause })
  })
  const [, rate, failed] = /RESULT (\S+) (\d+)/.exec(stdout) ?? []
  if (rate === undefined || failed !== '0')
    throw new Error(`wrk had ${failed ?? 'unknown'} failures at ${url}:\n${stdout}`)
  return Number(rate)
}

/** The median. */
export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}
