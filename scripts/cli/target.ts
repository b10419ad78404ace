import { findInstance, type InstanceEvent } from '../dev/instance.ts'

/** Where to find events: the options of every command that talks to them. */
export interface TargetOptions {
  readonly url?: string
  readonly token?: string
}

/** Where events are sent to and asked for. */
export interface Target {
  /** The address of an event, to which `/events/<key>` can be added. */
  urlOf(event: string): string
  /** The events that are served there, where that is known. */
  readonly events: readonly Pick<InstanceEvent, 'event'>[] | undefined
  /** Sends a request; throws an Error that says what to do when nobody answers. */
  request(url: string, init?: RequestInit): Promise<Response>
}

/** Finds the target, and says on standard error which it is: `--url`, or what `jobico dev` runs here or above. */
export async function findTarget({ url, token }: TargetOptions): Promise<Target> {
  const auth = token ?? process.env['JOBICO_TOKEN']
  const headers: Record<string, string> = auth === undefined ? {} : { authorization: `Bearer ${auth}` }
  const request: Target['request'] = async (address, init = {}) => {
    try {
      return await fetch(address, {
        ...init,
        headers: { ...headers, ...(init.headers as Record<string, string>) },
      })
    } catch (cause) {
      throw new Error(`${address} does not answer; see whether jobico dev still runs there`, { cause })
    }
  }
  if (url !== undefined) {
    const base = checkedUrl(url)
    return { urlOf: (event) => `${base}/listener/${event}`, events: undefined, request }
  }
  const found = await findInstance(process.cwd())
  if (found === undefined) {
    throw new Error(
      'no jobico dev runs in this folder or above it; start one with "jobico dev", or name an address with --url, such as --url http://127.0.0.1:8080',
    )
  }
  const { folder, instance } = found
  process.stderr.write(`using jobico dev of ${folder} at ${instance.url}\n`)
  return { urlOf: (event) => `${instance.url}/listener/${event}`, events: instance.events, request }
}

function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new Error(`--url ${text} is no http or https address; give one such as http://127.0.0.1:8080`)
  return `${url.origin}${url.pathname.replace(/\/(listener\/[^/]+\/?)?$/, '')}`
}
