import { Json, emit, env, log, parseEvent, reject, retry } from 'jobico'

/** Does what the event's data asks for; the result says which version of the code ran. */
export function run(version: string, text: string): string | null {
  const event = parseEvent(text)
  const data = event.data
  log.info(`Running ${event.id} as ${version}`)
  if (data.has('spinMs')) spin(data.integer('spinMs'))
  if (data.has('emitTo')) emit(data.string('emitTo'), Json.object().set('n', data.integer('n') + 1))
  if (data.has('reject')) return reject(data.string('reject'))
  if (data.has('rejectIn') && data.string('rejectIn') == version) return reject('not by ' + version)
  if (data.has('retry')) return retry(0.1, data.string('retry'))
  const result = Json.object().set('version', version)
  if (data.has('n')) result.set('n', data.integer('n'))
  if (data.has('variable')) {
    const value = env(data.string('variable'))
    result.set('value', value === null ? '(none)' : value)
  }
  return result.toString()
}

function spin(ms: i64): void {
  const end = Date.now() + ms
  while (Date.now() < end) {}
}
