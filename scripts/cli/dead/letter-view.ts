import {
  isJsonMediaType,
  toStructuredJson,
  type CloudEvent,
} from '../../../functions/cloudevents/cloudevent.ts'
import type { FullDeadLetter } from '../../../functions/dead-letters/dead-letters.ts'
import { printable } from '../../dev/output/printable.ts'
import { compactJson, prettyJson } from '../terminal/output.ts'
import { tableLines } from '../terminal/table.ts'

/** A dead letter with all its details, for people. Pure. */
export function letterLines({ letter, errors, cloudEvent, isPending }: FullDeadLetter): string[] {
  const { key, event, code, reason, attempts, time, module } = letter
  const { attributes, trace } = cloudEvent
  const facts = [
    ['key', key],
    ['event', event],
    ['state', isPending ? 'pending again: it was redriven' : 'dead'],
    ['code', code],
    ['reason', reason],
    ['attempts', String(attempts)],
    ['time', time],
    ['module', module],
  ]
  const faults = errors.map((fault) => [String(fault.attempt), fault.code, fault.reason])
  return [
    ...aligned(facts),
    ...section('attempts', [['ATTEMPT', 'CODE', 'REASON'], ...faults], faults.length > 0),
    ...section('attributes', Object.entries(attributes)),
    ...section('trace', Object.entries(trace)),
    '',
    ...dataLines(cloudEvent),
  ]
}

function section(
  title: string,
  rows: readonly (readonly string[])[],
  isThere: boolean = rows.length > 0,
): string[] {
  return isThere ? ['', `${title}:`, ...aligned(rows).map((line) => `  ${line}`)] : []
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  return tableLines(rows.map((row) => row.map(printable)))
}

function dataLines({ attributes, data }: CloudEvent): string[] {
  if (data === undefined) return ['no data']
  const mediaType = attributes['datacontenttype'] ?? 'application/json'
  const title = `data (${printable(mediaType)}, ${data.length} bytes)`
  const text = textOf(data)
  if (text === undefined) return [`${title}; --data writes it as it is`]
  const shown = isJsonMediaType(mediaType) ? prettyJson(text) : text
  return [`${title}:`, ...shown.split(/\r?\n/).map((line) => printable(line.replaceAll('\t', '  ')))]
}

/** Decodes data as text; undefined if it is not UTF-8, or has control characters. */
function textOf(data: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(data)
    return /[^\P{Cc}\t\r\n]/u.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

/**
 * A dead letter with all its details as one line of JSON; the event comes last, in the JSON event format of CloudEvents.
 * Pure.
 */
export function letterJson({ letter, errors, cloudEvent, isPending }: FullDeadLetter): string {
  const { key, event, code, reason, attempts, time, module } = letter
  const state = isPending ? 'pending' : 'dead'
  const { trace } = cloudEvent
  const head = JSON.stringify({ key, event, state, code, reason, attempts, time, module, errors, trace })
  // The event is inserted as text, so that no number loses digits.
  return `${head.slice(0, -1)},"cloudEvent":${compactJson(toStructuredJson(cloudEvent))}}`
}
