import type { Colors } from 'picocolors/types.js'

import type { Serving } from '../dev.ts'
import { curlLine, exampleOf, quoted } from '../sample-data/example.ts'

/** With more new events than these, only the first is shown with a curl line. */
const MOST_EXAMPLES = 5
const MOST_NAMES = 10

/** Describes for people what serves: each new event with a curl line to try it, and what a reload changed. */
export function servingNotes(
  colors: Colors,
  verbose: boolean,
): (serving: Serving) => Promise<readonly string[]> {
  const known = new Set<string>()
  return async (serving) => {
    const { instance, jobs, changed } = serving
    const events = jobs.flatMap((job) => job.events.map((event) => ({ job, event })))
    const fresh = events.filter(({ event }) => !known.has(event.name))
    const more = verbose ? '' : ', -v shows debug lines'
    const first = `${colors.bold('jobico dev')} serves ${instance.url}; Ctrl-C ends it${more}`
    const reloaded = changed.length > 0 ? [`reloaded ${someOf(changed)}`] : []
    const head = known.size === 0 ? [first] : reloaded
    for (const { event } of fresh) known.add(event.name)
    const shown = fresh.slice(0, fresh.length > MOST_EXAMPLES ? 1 : MOST_EXAMPLES)
    const examples = await Promise.all(
      shown.map(({ job, event }) => exampleNote(colors, serving, job, event)),
    )
    const others = fresh.slice(shown.length).map(({ event }) => event.name)
    const rest =
      others.length > 0 ? [`and ${others.length} more events in the same way: ${someOf(others)}\n`] : []
    return [...head, ...examples, ...rest]
  }
}

type Job = Serving['jobs'][number]

async function exampleNote(
  { bold, dim }: Colors,
  { instance, desired }: Serving,
  { file }: Job,
  { name, schema }: Job['events'][number],
): Promise<string> {
  const { data, valid } = await exampleOf(file, schema)
  const url = `${instance.url}/listener/${name}`
  const listener = desired.children.find(({ id }) => id === `listener/${name}`)
  const tokens = listener?.environment['JOBICO_AUTH_FILE']
  const hint = valid ? '' : dim('  (put in data that the schema accepts)')
  const curl = curlLine(url, data, tokens === undefined ? undefined : `cat ${quoted(tokens)}`)
  return `\n${bold(name)}  ${url}${hint}\n  ${curl}\n`
}

function someOf(names: readonly string[]): string {
  const rest = names.length - MOST_NAMES
  return rest <= 0 ? names.join(', ') : `${names.slice(0, MOST_NAMES).join(', ')}, … (${names.length})`
}
