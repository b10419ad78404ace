import { eventKey } from '../../../functions/queues/names.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import type { Ending } from '../ledger/audit.ts'
import type { System } from '../system/system.fixture.ts'

/** The number of events to ask about; enough to see that listeners answer all alike. */
const SAMPLE = 20
const WAIT_S = 30

/** Asks a listener about events. Returns a sentence for each answer that differs from the stored verdict. */
export async function wrongAnswers(
  system: System,
  event: string,
  endings: ReadonlyMap<string, Ending>,
): Promise<readonly string[]> {
  const known = [...endings].slice(-SAMPLE)
  const wrong = await Promise.all(
    known.map(async ([key, { kind }]) => {
      const { status, body } = await get(system, event, key)
      return status === 200 && body.state === kind
        ? []
        : [`${key} is ${kind}, but said to be ${body.state ?? status}`]
    }),
  )
  const unknown = await get(system, event, eventKey('/faults', 'never sent'))
  return [
    ...wrong.flat(),
    ...(unknown.status === 404 ? [] : [`an unknown key is answered ${unknown.status}`]),
  ]
}

interface State {
  readonly state?: string
}

async function get(system: System, event: string, key: string) {
  const response = await fetch(`${await urlOf(system, event)}/events/${key}`)
  return { status: response.status, body: (await response.json()) as State }
}

/** Sends an event and waits for its result in the same request. Returns the HTTP status. */
export async function sendAndWait(system: System, event: string): Promise<number> {
  const response = await fetch(await urlOf(system, event), {
    method: 'POST',
    headers: {
      ...{ 'content-type': 'application/json', prefer: `wait=${WAIT_S}` },
      ...{
        'ce-specversion': '1.0',
        'ce-id': 'at the end',
        'ce-source': '/faults/end',
        'ce-type': 'faults.made',
      },
    },
    body: JSON.stringify({ do: 'ok' }),
  })
  await response.text()
  return response.status
}

async function urlOf(system: System, event: string): Promise<string> {
  const { host, port, path } = await eventually('a listener serves', () =>
    Promise.resolve(system.target(event)),
  )
  return `http://${host}:${port}${path}`
}
