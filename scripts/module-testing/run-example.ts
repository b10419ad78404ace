import { readFile } from 'node:fs/promises'

import type { CloudEvent } from '../../functions/cloudevents/cloudevent.ts'
import { eventKey, resultSource } from '../../functions/queues/names.ts'
import { compileSchema } from '../../schemas/validator.ts'
import type { LocalEvent, LocalJob } from '../job-files/local-job.ts'
import { cloudEvent } from './event.ts'
import { readExample, shown, type Example } from './examples.ts'
import type { Line } from './guest.ts'
import { runApart } from './run-apart.ts'
import { invalidJson, outcomeJson, type OutcomeJson } from '../testing/outcome-json.ts'

/** The actual outcome of an example, and the lines that its modules logged. */
export interface Ending {
  readonly seen: OutcomeJson
  readonly lines: readonly Line[]
}

/**
 * Runs an example: checks its data by the schema, then runs the module. If the event has an `output` event, does the same
 * there with the result. Emitted data is only checked by the schema of its event, and not run.
 */
export async function runExample({ job, event, file }: Example): Promise<Ending> {
  const { attributes, data } = await readExample(file)
  const lines: Line[] = []
  let at = event
  let next = cloudEvent(attributes, data)
  for (;;) {
    const refused = refusal(at, dataOf(next))
    if (refused !== undefined) return { seen: refused, lines }
    const ran = await runOne(job, at, next)
    lines.push(...ran.lines)
    const { outcome } = ran
    if (outcome.kind !== 'ok') return { seen: outcomeJson(outcome), lines }
    const wrong = (outcome.emitted ?? []).map((each) =>
      refusal(eventNamed(job, each.event), JSON.parse(each.data)),
    )
    const [first] = wrong.filter((each) => each !== undefined)
    if (first !== undefined) return { seen: first, lines }
    const { output } = at
    if (output === undefined || 'sink' in output || outcome.data === undefined)
      return { seen: outcomeJson(outcome), lines }
    next = resultEvent(job, at, next, JSON.parse(outcome.data))
    at = eventNamed(job, output.event)
  }
}

async function runOne(
  job: LocalJob,
  { name, module, memoryBytes, env, timeoutMs }: LocalEvent,
  event: CloudEvent,
) {
  const path = module.kind === 'file' ? module.path : module.out
  const events = job.events.map((each) => each.name).filter((each) => each !== name)
  const settings = { name: shown(path), memoryBytes, env, events }
  return await runApart({ module: await readFile(path), settings, event }, timeoutMs)
}

function refusal({ name, schema }: LocalEvent, data: unknown): OutcomeJson {
  const faults = compileSchema(schema.json)(data)
  return faults.length === 0 ? undefined : invalidJson(name, faults)
}

function eventNamed({ events }: LocalJob, wanted: string): LocalEvent {
  const found = events.find(({ name }) => name === wanted)
  if (found === undefined) throw new Error(`there is no event ${wanted}`) // checks of Job and module prevent this
  return found
}

/** The CloudEvent that carries a result to the next event. */
function resultEvent(
  { namespace, name }: LocalJob,
  event: LocalEvent,
  cause: CloudEvent,
  data: unknown,
): CloudEvent {
  const { id, source, type, subject } = cause.attributes
  return cloudEvent(
    {
      id: eventKey(source, id),
      source: resultSource({ namespace, job: name, event: event.name }),
      type: `${type}.result`,
      causationid: id,
      causationsource: source,
      ...(subject === undefined ? {} : { subject }),
    },
    data,
  )
}

function dataOf({ data }: CloudEvent): unknown {
  return data === undefined ? undefined : JSON.parse(new TextDecoder().decode(data))
}
