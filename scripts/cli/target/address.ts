/** Where the listener of an event answers. */
export interface Address {
  /** The event's, to which `/events/<key>` can be added. */
  readonly url: string
  /** What each request needs to find its way. */
  readonly headers?: Readonly<Record<string, string>>
  /** How long the answer to what is not to wait may take; 15 s where it is missing. */
  readonly patienceMs?: number
  /** What it is called, where the URL would tell nothing. */
  readonly name?: string
  /** What to look at when nobody answers. */
  readonly hint?: string
}

/** A request to a listener. */
export interface ListenerRequest {
  readonly method?: string
  /** Below the event's address. */
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** How long the listener is asked to hold its answer. */
  readonly waitMs?: number
  /** The bearer token; the variable JOBICO_TOKEN where it is missing. */
  readonly token?: string | undefined
}

const PATIENCE_MS = 15_000
const HINT = 'see whether jobico dev still runs there'

/** Sends a request and gives the answer, with its text. Throws an Error that says what to do when nobody answers. */
export async function askListener(
  address: Address,
  { method = 'GET', path = '', headers, body, waitMs = 0, token }: ListenerRequest,
): Promise<{ readonly answer: Response; readonly text: string }> {
  try {
    const answer = await fetch(`${address.url}${path}`, {
      method,
      headers: { ...authorization(token), ...address.headers, ...headers },
      body: body ?? null,
      signal: AbortSignal.timeout(waitMs + (address.patienceMs ?? PATIENCE_MS)),
    })
    return { answer, text: await answer.text() }
  } catch (cause) {
    const { url, name = url, hint = HINT } = address
    throw new Error(`${name} does not answer; ${hint}`, { cause })
  }
}

function authorization(token = process.env['JOBICO_TOKEN']): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}
