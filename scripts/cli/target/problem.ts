import { printable } from '../../dev/output/printable.ts'

/** The body of an error answer (RFC 9457, with the members that Jobico adds). */
interface ProblemBody {
  readonly code?: string
  readonly detail?: string
  readonly title?: string
  readonly errors?: readonly {
    readonly index?: number
    readonly pointer?: string
    readonly detail?: string
  }[]
  readonly error?: { readonly code?: string; readonly reason?: string; readonly attempts?: number }
}

/** An error answer for people: status, code and detail, then each fault of the data on a line of its own. */
export function problemText(status: number, body: string): string {
  const problem = parsed(body)
  if (problem?.error !== undefined) return deadText(problem.error)
  if (problem === undefined)
    return `${status}: ${printable(body.trim().slice(0, 500)) || 'no reason was given'}${fixOf(status)}`
  const { code = '', title = '', detail = title, errors = [] } = problem
  const words = errors.length > 0 ? title : detail
  return `${status} ${printable(`${code}: ${words}`)}${errors.map(faultLine).join('')}${fixOf(status)}`
}

function faultLine({ pointer, detail = '' }: NonNullable<ProblemBody['errors']>[number]): string {
  return `\n  ${printable(`${pointer || 'the data'}: ${detail}`)}`
}

/** Why an event is dead, for people. */
export function deadText({ code = '', reason, attempts = 1 }: NonNullable<ProblemBody['error']>): string {
  const why = reason ? `: ${printable(reason)}` : ''
  return `dead: ${printable(code)}${why} (${attempts} ${attempts === 1 ? 'attempt' : 'attempts'})`
}

function fixOf(status: number): string {
  return status === 401
    ? '; give one with --token, or in the variable JOBICO_TOKEN, which is not sent to a jobico dev'
    : ''
}

function parsed(body: string): ProblemBody | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
