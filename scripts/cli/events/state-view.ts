import { printable, printableJson } from '../../dev/output/printable.ts'
import { deadText } from '../target/problem.ts'
import { compactJson } from '../terminal/output.ts'
import { tableLines } from '../terminal/table.ts'

interface RelatedBody {
  readonly event: string
  readonly key: string
  readonly state: string
}

interface ErrorBody {
  readonly code?: string
  readonly reason?: string
  readonly attempts?: number
}

/** The state of an event as a listener answers it; `cause` and `effects` are added where they can be read. */
interface StateBody {
  readonly state: 'pending' | 'done' | 'dead'
  readonly event: string
  readonly attempts?: number
  readonly dueAt?: string
  readonly redriven?: boolean
  readonly error?: ErrorBody
  readonly cause?: RelatedBody
  readonly effects?: readonly RelatedBody[]
}

/** The state of an event, given as JSON, for people; the result, if there is one, is the last line. Pure. */
export function stateInWords(text: string): string {
  const body = JSON.parse(text) as StateBody
  const result = body.state === 'done' ? resultText(text) : undefined
  return [headline(body), ...relatedLines(body), ...(result === undefined ? [] : [result])].join('\n')
}

function headline(body: StateBody): string {
  const { state, event, error = {} } = body
  if (state === 'dead') return `${event} ${deadText(error)}`
  return state === 'done' ? `${event} done` : pendingText(body)
}

function pendingText({ event, attempts = 0, dueAt, redriven = false, error }: StateBody): string {
  const facts = [
    ...(redriven ? ['it was redriven'] : []),
    ...(error === undefined ? [] : [failureText(error)]),
    ...nextAttempt(attempts, error?.attempts ?? 0, dueAt),
  ]
  const how = facts.length === 0 ? '' : `: ${facts.join('; ')}`
  return `${event} pending${redriven ? ' again' : ''}${how}`
}

/** A listener that hides results tells only the code. */
function failureText({ code = '', reason, attempts }: ErrorBody): string {
  const which = attempts === undefined ? 'an attempt' : `attempt ${attempts}`
  return `${which} failed with ${code}${reason ? `: ${printable(reason)}` : ''}`
}

function nextAttempt(begun: number, failed: number, dueAt: string | undefined): readonly string[] {
  if (begun > failed) return [`attempt ${begun} runs`]
  if (failed === 0) return []
  return [`attempt ${failed + 1} is due${dueAt === undefined ? ', or runs' : ` at ${dueAt}`}`]
}

function relatedLines({ cause, effects = [] }: StateBody): string[] {
  const row = (role: string) => (related: RelatedBody) => [
    `  ${role}`,
    related.event,
    related.key,
    related.state,
  ]
  return tableLines([...(cause === undefined ? [] : [row('cause')(cause)]), ...effects.map(row('effect'))])
}

/** Cuts the result out of the text, where it is the last member: parsing it could change its numbers. */
function resultText(text: string): string | undefined {
  const compact = compactJson(text)
  const start = compact.indexOf('"result":')
  return start === -1 ? undefined : printableJson(compact.slice(start + '"result":'.length, -1))
}
