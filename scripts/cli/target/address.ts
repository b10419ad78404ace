/** The address of an event's listener. */
export interface Address {
  /** URL of the event; `/events/<key>` can be added to it. */
  readonly url: string
  /** Whether it was found in a folder: then only a token that the command line names is sent there. */
  readonly isFound?: boolean
  /** Headers that route each request to the listener. */
  readonly headers?: Readonly<Record<string, string>>
  /** How long an answer may take, beyond the time that the request asks the listener to wait; 15 s by default. */
  readonly timeoutMs?: number
  /** Name for error messages, where the URL would not help. */
  readonly name?: string
  /** What to check when nobody answers; ends the error message. */
  readonly hint?: string
}

/** A request to a listener. */
export interface ListenerRequest {
  readonly method?: string
  /** Path below the event's URL. */
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** How long the listener may hold its answer. */
  readonly waitMs?: number
  /** The bearer token; by default that of the variable JOBICO_TOKEN, for an address that the user named. */
  readonly token?: string | undefined
}

const TIMEOUT_MS = 15_000
const HINT = 'see whether jobico dev still runs there'

/** Sends a request and returns the answer with its text. If nobody answers, throws an Error that says what to do. */
export async function askListener(
  address: Address,
  { method = 'GET', path = '', headers, body, waitMs = 0, token }: ListenerRequest,
): Promise<{ readonly answer: Response; readonly text: string }> {
  try {
    const answer = await fetch(`${address.url}${path}`, {
      method,
      headers: {
        ...authorization(token ?? ownToken(address)),
        ...address.headers,
        ...headers,
      },
      body: body ?? null,
      signal: AbortSignal.timeout(waitMs + (address.timeoutMs ?? TIMEOUT_MS)),
    })
    return { answer, text: await answer.text() }
  } catch (cause) {
    const { url, name = url, hint = HINT } = address
    throw new Error(`${name} does not answer; ${hint}`, { cause })
  }
}

/** A token of the environment may be for another place than one that was found in a folder. */
function ownToken({ isFound = false }: Address): string | undefined {
  return isFound ? undefined : process.env['JOBICO_TOKEN']
}

function authorization(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}
