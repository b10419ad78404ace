// Calls the part of the SDK that the first line of the text names, so that tests can check the result.
import { Json, emit, env, log, now, parseEvent, reject, retry } from 'jobico'

const atStart = env('AT_START')

export function handle(text: string): string | null {
  const end = text.indexOf('\n')
  const verb = text.substring(0, end)
  const rest = text.substring(end + 1)
  if (verb == 'parse') return Json.parse(rest).toString()
  if (verb == 'try') return Json.tryParse(rest) === null ? 'false' : 'true'
  if (verb == 'number') return Json.of(Json.parse(rest).asNumber()).toString()
  if (verb == 'integer') return Json.of(Json.parse(rest).asInteger()).toString()
  if (verb == 'read') return read(Json.parse(rest))
  if (verb == 'event') return describe(rest)
  if (verb == 'build') return build()
  if (verb == 'cycle') return cycle()
  if (verb == 'env') return Json.of([env(rest), atStart]).toString()
  if (verb == 'garbage') return garbage(I32.parseInt(rest))
  if (verb == 'emit') return emitAll(rest)
  if (verb == 'now') return now().toString()
  return finish(verb, rest)
}

function finish(verb: string, rest: string): string | null {
  if (verb == 'reject') reject(rest)
  if (verb == 'retry') return retry(-1, rest)
  if (verb == 'retry-after') return retry(1.5, rest)
  log.debug(rest)
  log.info(rest)
  log.warn(rest)
  log.error(rest)
  return null
}

function emitAll(text: string): string | null {
  emit('json', Json.parse(text))
  emit('text', text)
  return null
}

function read(value: Json): string {
  return Json.array()
    .push(value.string('s'))
    .push(value.integer('i'))
    .push(value.number('n'))
    .push(value.boolean('b'))
    .push(value.array('a').length)
    .push(value.object('o').keys())
    .push(value.get('a').at(0))
    .push(value.get('a').at(9).isNull)
    .push(value.has('missing'))
    .push(value.length)
    .toString()
}

function build(): string {
  const nothing: string | null = null
  const something: string | null = 'x'
  const ids: i32[] = [1, 2]
  const nested: string[][] = [['a'], []]
  const value: Json | null = Json.of(true)
  return Json.object()
    .set('bool', false)
    .set('i8', <i8>-8)
    .set('i64', i64.MIN_VALUE)
    .set('u64', u64.MAX_VALUE)
    .set('f32', <f32>0.5)
    .set('f64', 0.1 + 0.2)
    .set('whole', 1e15)
    .set('nan', NaN)
    .set('infinity', -Infinity)
    .set('nothing', nothing)
    .set('something', something)
    .set('ids', ids)
    .set('nested', nested)
    .set('value', value)
    .set('twice', 1)
    .set('twice', 2)
    .toString()
}

function cycle(): string {
  const ring = Json.array()
  ring.push(ring)
  return ring.toString()
}

function describe(text: string): string {
  const event = parseEvent(text)
  return Json.object()
    .set('id', event.id)
    .set('source', event.source)
    .set('type', event.type)
    .set('subject', event.subject)
    .set('time', event.time)
    .set('datacontenttype', event.datacontenttype)
    .set('extension', event.extension('ext1'))
    .set('dataText', event.dataText)
    .set('data', event.data)
    .toString()
}

/** Makes so much text that memory would not suffice without garbage collection. */
function garbage(length: i32): string {
  let text = ''
  for (let i = 0; i < length; i++) text += 'x'
  return Json.of(text.length).toString()
}
