import { ERROR_CODES, type ErrorCode, type ErrorInfo } from '../../functions/process/errors.ts'
import { block, code, page, table } from './markdown.ts'

const CODES: Readonly<Record<ErrorCode, ErrorInfo>> = ERROR_CODES

const EXAMPLE = `{
  "title": "${ERROR_CODES.DATA_INVALID.title}",
  "status": ${ERROR_CODES.DATA_INVALID.status},
  "code": "DATA_INVALID",
  "detail": "event 0: /lastName the field \\"lastName\\" is missing",
  "errors": [{ "index": 0, "pointer": "/lastName", "detail": "the field \\"lastName\\" is missing" }]
}`

/** Of an execution that failed, or its result. */
const isExecution = (name: string, { status }: ErrorInfo) => status === 502 && name !== 'EVENT_DEAD'
/** Of a process or a command, never in an answer. */
const isSetup = (name: string, { status }: ErrorInfo) => status === 500 && name !== 'INTERNAL'

/** The text of docs/reference/error-codes.md, with each code once. */
export function errorsPage(): string {
  const all = Object.entries(CODES)
  const [executions, setup] = [isExecution, isSetup].map((is) => all.filter((entry) => is(...entry)))
  const requests = all.filter((entry) => !isExecution(...entry) && !isSetup(...entry))
  return page([
    '# Error codes',
    '<!-- Made from functions/process/errors.ts by scripts/generate.ts; change it there. -->',
    'A code never changes its meaning, so programs can rely on it. The texts that come with it may change.',
    '## Requests',
    'A listener, or the address of `jobico dev`, answers with a problem document (RFC 9457), such as:',
    block('json', EXAMPLE),
    'Answers with 429 and 503 have the header `Retry-After`. If a request is not accepted, either nothing is stored, or it is safe to send it again with the same id or `Idempotency-Key`.',
    codeTable(requests),
    '## Failed executions',
    'An execution failed, or its result could not be used. A dead letter has the code of its last failure, and an error with a code for each attempt. `jobico get`, `jobico tail` and `jobico dead` print it; a listener gives it as `error.code`, in the state of an event and in its answer to a request that waited, which is 502 `EVENT_DEAD` whatever the code. An event is retried until `retry.maxAttempts` executions have begun, and then it is dead, unless the meaning says that it is dead at once.',
    codeTable(executions ?? [], false),
    '## Processes and commands',
    'The operator, a listener, a runner or the command line can not do its work. The message says what is wrong and how to fix it; in a log it is `err.message`, with the code as `err.code`. No listener answers with these. The conditions of a Job have [reasons of their own](../conditions.md).',
    codeTable(setup ?? [], false),
  ])
}

/** Codes that no answer has of its own are shown without a status. */
function codeTable(entries: readonly (readonly [string, ErrorInfo])[], isAnswer = true): string {
  const status = (text: string) => (isAnswer ? [text] : [])
  return table(
    ['code', ...status('status'), 'meaning', 'what to do'],
    entries.map(([name, info]) => [
      ...[code(name), ...status(String(info.status))],
      ...[info.meaning, info.fix ?? ''],
    ]),
  )
}
