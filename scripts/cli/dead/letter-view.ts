import { isJsonMediaType, toStructuredJson } from '../../../functions/cloudevents/cloudevent.ts'
import type { FullDeadLetter } from '../../../functions/dead-letters/dead-letters.ts'
import { printable } from '../../dev/output/printable.ts'
import { compactJson, prettyJson } from '../terminal/output.ts'
import { tableLines } from '../terminal/table.ts'

/** A dead letter with all its details, for people. Pure. */
export function letterLines(full: FullDeadLetter): string[] {
  const { letter, errors, isPending } = full
  const { key, event, code, reason, attempts, time, module } = letter
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
    ...contentLines(full),
  ]
}

/** The event; if this version can not read it, the message as it came. */
function contentLines(full: FullDeadLetter): string[] {
  if (full.cloudEvent === undefined) {
    const { headers, data } = full.message
    const values = Object.entries(headers).flatMap(([name, all]) => all.map((value) => [name, value]))
    const mediaType = headers['ce-datacontenttype']?.[0] ?? 'of unknown type'
    return [...section('headers of the message', values), '', ...dataLines(data, mediaType)]
  }
  const { attributes, trace, data } = full.cloudEvent
  return [
    ...section('attributes', Object.entries(attributes)),
    ...section('trace', Object.entries(trace)),
    '',
    ...dataLines(data, attributes['datacontenttype'] ?? 'application/json'),
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

function dataLines(data: Uint8Array | undefined, mediaType: string): string[] {
  if (data === undefined || data.length === 0) return ['no data']
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
 * A dead letter with all its details as one line of JSON. The event comes last, in the JSON event format of CloudEvents; in
 * its place, if this version can not read it, the message as it came, with its data in base64. Pure.
 */
export function letterJson(full: FullDeadLetter): string {
  const { letter, errors, isPending } = full
  const { key, event, code, reason, attempts, time, module } = letter
  const head = {
    key,
    event,
    state: isPending ? 'pending' : 'dead',
    code,
    reason,
    attempts,
    time,
    module,
    errors,
  }
  if (full.cloudEvent === undefined) {
    const { headers, data } = full.message
    return JSON.stringify({
      ...head,
      message: { headers, data_base64: Buffer.from(data).toString('base64') },
    })
  }
  const { cloudEvent } = full
  // The event is inserted as text, so that no number loses digits.
  const text = JSON.stringify({ ...head, trace: cloudEvent.trace })
  return `${text.slice(0, -1)},"cloudEvent":${compactJson(toStructuredJson(cloudEvent))}}`
}
