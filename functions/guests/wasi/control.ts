import { memberTexts } from '../../cloudevents/json.ts'
import type { Emitted, Host, Outcome } from '../abi.ts'
import { emitFault } from '../emit.ts'
import { rejected, retryRequested } from '../execution.ts'
import { RESULT_CHARS, broken, jsonFault, textOf } from '../result.ts'
import { byteBuffer } from './byte-buffer.ts'

/** Reads what a program writes to file descriptor 3: lines of JSON, each of which emits, retries or rejects. */
export interface Control {
  /** Takes bytes. Gives the outcome, if a line of them ends the execution. */
  write(bytes: Uint8Array): Outcome | undefined
  /** Takes the last line, if it has no newline. Gives the outcome, if that ends the execution. */
  end(): Outcome | undefined
  /** What was emitted so far. */
  emitted(): readonly Emitted[]
}

/** What one line asks for. */
type Command =
  | { readonly kind: 'emit'; readonly next: Emitted }
  | { readonly kind: 'end'; readonly outcome: Outcome }
  | { readonly kind: 'fault'; readonly fault: string }

const NEWLINE = 0x0a
const FORMS =
  '{"emit":{"event":"…","data":…}}, {"retry":{"after":30,"reason":"…"}} or {"reject":{"reason":"…"}}'

/** Makes a reader for one execution. */
export function createControl(host: Pick<Host, 'events'>): Control {
  const line = byteBuffer()
  let [size, number] = [0, 0]
  let emitted: readonly Emitted[] = []

  const take = (): Outcome | undefined => {
    number += 1
    const text = textOf(line.bytes())
    line.clear()
    const command = text === undefined ? ({ kind: 'fault', fault: 'is not UTF-8' } as const) : commandOf(text)
    if (command?.kind === 'fault') return broken(`line ${number} on file descriptor 3 ${command.fault}`)
    if (command?.kind !== 'emit') return command?.outcome
    const fault = emitFault(host, emitted, command.next)
    if (fault === undefined) emitted = [...emitted, command.next]
    return fault
  }
  return {
    write(bytes) {
      size += bytes.length
      if (size > RESULT_CHARS) return tooMuch()
      let start = 0
      for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, start)) {
        line.add(bytes.subarray(start, at))
        const outcome = take()
        if (outcome !== undefined) return outcome
        start = at + 1
      }
      line.add(bytes.subarray(start))
      return undefined
    },
    end: () => (line.size === 0 ? undefined : take()),
    emitted: () => emitted,
  }
}

function tooMuch(): Outcome {
  const reason = `it writes more than ${RESULT_CHARS} bytes to file descriptor 3 in one execution: emit less`
  return { kind: 'reject', code: 'RESULT_TOO_LARGE', reason }
}

/** What a line asks for; undefined for a blank one. Pure. */
function commandOf(text: string): Command | undefined {
  if (text.trim() === '') return undefined
  const fault = jsonFault('', text)
  if (fault !== undefined) return { kind: 'fault', fault: fault.trim() }
  const [[name, body] = ['', ''], ...others] = membersOf(text) ?? []
  const members = new Map(others.length === 0 ? membersOf(body) : undefined)
  return readers.get(name)?.(members) ?? { kind: 'fault', fault: `is none of ${FORMS}` }
}

type Members = ReadonlyMap<string, string>

/** For each command, what its members ask for; undefined if they are not those that it has. */
const readers: ReadonlyMap<string, (members: Members) => Command | undefined> = new Map([
  ['emit', emitOf],
  ['retry', retryOf],
  ['reject', rejectOf],
])

function emitOf(members: Members): Command | undefined {
  const [event, data] = [valueOf(members, 'event'), members.get('data')]
  if (typeof event !== 'string' || data === undefined || members.size > 2) return undefined
  return { kind: 'emit', next: { event, data } }
}

function retryOf(members: Members): Command | undefined {
  const [reason, after] = [valueOf(members, 'reason'), valueOf(members, 'after')]
  if (typeof reason !== 'string') return undefined
  if (after === undefined) return members.size === 1 ? ending(retryRequested(reason)) : undefined
  const isTime = typeof after === 'number' && after >= 0
  return isTime && members.size === 2 ? ending(retryRequested(reason, after)) : undefined
}

function rejectOf(members: Members): Command | undefined {
  const reason = valueOf(members, 'reason')
  return typeof reason === 'string' && members.size === 1 ? ending(rejected(reason)) : undefined
}

function ending(outcome: Outcome): Command {
  return { kind: 'end', outcome }
}

function valueOf(members: Members, name: string): unknown {
  const text = members.get(name)
  // Never an object or an array: what a parser makes of those may take more memory than there is.
  return text === undefined || /^[[{]/.test(text) ? undefined : JSON.parse(text)
}

/** The members of an object, each value as its text; undefined if the JSON is no object. */
function membersOf(text: string): readonly (readonly [string, string])[] | undefined {
  return text.trimStart().startsWith('{') ? [...memberTexts(text)] : undefined
}
