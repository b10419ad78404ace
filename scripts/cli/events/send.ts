import { readFile } from 'node:fs/promises'
import { text as readAll } from 'node:stream/consumers'

import { messageOf } from '../../../functions/process/errors.ts'
import { outgoingEvent, type GivenAttributes } from './outgoing.ts'
import { compactJson, type Format, print, tell } from '../terminal/output.ts'
import { problemText } from '../target/problem.ts'
import { askListener } from '../target/address.ts'
import { atTarget, type TargetOptions } from '../target/target.ts'

/** The options of `jobico send`. */
export interface SendOptions extends TargetOptions, GivenAttributes {
  readonly data?: string
  readonly file?: string
  /** Seconds to wait for the result; true for the default. */
  readonly wait?: number | true
  readonly output: Format
}

const DEFAULT_WAIT_S = 30

/**
 * Sends one CloudEvent and prints its key or, with `wait`, its result. Throws an Error if it is refused, dead, or too slow.
 */
export async function send(event: string, options: SendOptions): Promise<void> {
  const { headers, body } = outgoingEvent(event, await inputOf(options), given(options))
  const seconds = options.wait === true ? DEFAULT_WAIT_S : options.wait
  const prefer: Record<string, string> = seconds === undefined ? {} : { prefer: `wait=${seconds}` }
  const { answer, text } = await atTarget(options, async (target) =>
    askListener(await target.listener(event), {
      method: 'POST',
      headers: { ...headers, ...prefer },
      body,
      waitMs: (seconds ?? 0) * 1_000,
      token: options.token,
    }),
  )
  if (answer.headers.get('jobico-duplicate') === 'true') tell(duplicateWords(answer.status, text))
  if (answer.status === 202) printAccepted(text, options.output, seconds)
  else if (answer.ok) printResult(answer, text, { event, output: options.output })
  else {
    if (options.output === 'json') print(compactJson(text), 'json')
    throw new Error(problemText(answer.status, text))
  }
}

function given({ id, source, type }: SendOptions): GivenAttributes {
  return {
    ...(id === undefined ? {} : { id }),
    ...(source === undefined ? {} : { source }),
    ...(type === undefined ? {} : { type }),
  }
}

async function inputOf({ data, file }: SendOptions): Promise<string> {
  if ((data === undefined) === (file === undefined))
    throw new Error(
      `give the data with --data JSON or with --file FILE (- reads standard input)${data === undefined ? '' : ', and not with both'}`,
    )
  if (data !== undefined && data !== '-') return data
  if (file === undefined || file === '-') return await readAll(process.stdin)
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new Error(`${file} can not be read (${messageOf(cause)}); name a file with JSON`, { cause })
  }
}

const DUPLICATE =
  'a duplicate: an event of this source and id was accepted before; it is not run again, and the data sent now is not looked at'

/** Says that an answer is about an event that was sent earlier, and from when its result is. Pure. */
export function duplicateWords(status: number, text: string): string {
  if (status === 202) return DUPLICATE
  const { time } = status === 200 ? (JSON.parse(text) as { time?: string }) : {}
  return `${DUPLICATE}; its ${time === undefined ? 'outcome' : `result of ${time}`} follows`
}

function printAccepted(text: string, output: Format, seconds: number | undefined): void {
  const { accepted } = JSON.parse(text) as { accepted: readonly { key: string }[] }
  const [{ key } = { key: '' }] = accepted
  print(output === 'json' ? compactJson(text) : key, output)
  if (seconds !== undefined)
    throw new Error(`no outcome after ${seconds} s; ask for it later with: jobico get ${key}`)
}

function printResult(
  answer: Response,
  text: string,
  { event, output }: { event: string; output: Format },
): void {
  if (answer.status !== 204) {
    print(compactJson(text), 'json')
    return
  }
  const key = answer.headers.get('location')?.split('/').at(-1) ?? ''
  if (output === 'json') print(JSON.stringify({ state: 'done', key, event }), 'json')
  else tell(`done, with no result (${key})`)
}
