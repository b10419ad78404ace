import { emit, Json, log, parseEvent, reject, retry } from 'jobico'

/** Logs "begin" unless the event's data says `quiet`, then does what the data asks for. */
export function handle(text: string): string | null {
  const event = parseEvent(text)
  const data = event.data
  if (!data.has('quiet')) log.info('begin')
  const action = data.string('do')
  if (action == 'emit') {
    for (let n: i64 = 0; n < data.integer('copies'); n++) emit(data.string('to'), data)
    return null
  }
  if (action == 'reject') return reject('as it was asked to')
  if (action == 'retry')
    return retry(data.has('after') ? <f64>data.integer('after') : 0.2, 'as it was asked to')
  if (action == 'trap') unreachable()
  if (action == 'loop') spin(i64.MAX_VALUE / 2)
  if (action == 'spin') spin(data.has('spinMs') ? data.integer('spinMs') : 100)
  // When the result becomes the data of a next event, it asks that execution to end well.
  return Json.object().set('do', 'ok').set('id', event.id).toString()
}

function spin(ms: i64): void {
  const end = Date.now() + ms
  while (Date.now() < end) {}
}
