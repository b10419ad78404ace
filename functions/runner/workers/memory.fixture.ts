import { checkModule } from '../../guests/check/check.ts'
import { command, original, script } from '../../guests/hostile/wat.fixture.ts'
import { podLimit, threadHeap, type RunnerSize } from '../../process/runner-memory.ts'
import { createPool } from './pool.ts'

const MiB = 2 ** 20
const TEXT_AT = 4096
const TEXT_BYTES = 8_000_000
const LONG = 60 * MiB
const SIZE: RunnerSize = { memoryBytes: 64 * MiB, concurrency: 4 }
const TIMEOUT_MS = 3_000
/** A guest that goes on for ever has done its worst by then. */
const ENDLESS_MS = 1_000
/** The name of the event to which the guests may emit, which is a string in the memory of each script at 32. */
const OTHER = 'hi'

/** The limit of the pod of the runner that is attacked, in MiB. */
export const POD_LIMIT = podLimit(SIZE) / MiB

/** Repeats the bytes that stand before `$from`, of which there are `$unit`, up to `$to`. */
const REPEAT = `(func $repeat (param $from i32) (param $unit i32) (param $to i32)
  (loop $next
    (i32.store8 (local.get $from) (i32.load8_u (i32.sub (local.get $from) (local.get $unit))))
    (local.set $from (i32.add (local.get $from) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $from) (local.get $to)))))`
const GROW = '(drop (memory.grow (i32.const 1000)))'

function parts(at: number, length: number): string {
  return `(i32.store (i32.const 0) (i32.const ${at})) (i32.store (i32.const 4) (i32.const ${length}))`
}

/** Writes the start of a text, one unit of it until 8,000,000 bytes are full, and its end, to a file descriptor. */
function writes(fd: number, start: string, unit: string, end: string): Uint8Array<ArrayBuffer> {
  const unitEnd = TEXT_AT + start.length + unit.length
  const room = TEXT_BYTES - start.length - end.length
  const endAt = TEXT_AT + start.length + (room - (room % unit.length))
  const bytes = [...Buffer.from(end)].map(
    (byte, at) => `(i32.store8 (i32.const ${endAt + at}) (i32.const ${byte}))`,
  )
  const data = JSON.stringify(start + unit).replace(/\\n/g, '\\0a')
  return command(
    `${GROW} (call $repeat (i32.const ${unitEnd}) (i32.const ${unit.length}) (i32.const ${endAt})) ${bytes.join(' ')}
    ${parts(TEXT_AT, endAt + end.length - TEXT_AT)}
    (drop (call $fd_write (i32.const ${fd}) (i32.const 0) (i32.const 1) (i32.const 16)))`,
    REPEAT,
    `(data (i32.const ${TEXT_AT}) ${data})`,
  )
}

/** Calls something for ever, with a table of 1,024 parts, each of 60 MiB. */
function forEver(call: string): Uint8Array<ArrayBuffer> {
  return command(
    `(local $i i32) ${GROW}
    (loop $part
      (i32.store offset=4 (i32.mul (local.get $i) (i32.const 8)) (i32.const ${60 * MiB}))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $part (i32.lt_u (local.get $i) (i32.const 1024))))
    (loop $again (drop ${call}) (br $again))`,
  )
}

/** A script whose memory has one long string at 4,096. */
function withLongString(body: string): Uint8Array<ArrayBuffer> {
  return script(
    `${GROW}
    (i32.store (i32.const 4088) (i32.const 2)) (i32.store (i32.const 4092) (i32.const ${LONG})) ${body}`,
  )
}

/** A script that calls something with the long string again and again. */
function againWithLongString(call: string): Uint8Array<ArrayBuffer> {
  return withLongString(`(loop $again ${call} (br $again)) (unreachable)`)
}

/** What guests do to make the host allocate, and then end, by name. */
const ENDING: Readonly<Record<string, () => Uint8Array<ArrayBuffer>>> = {
  'a result of arrays in arrays': () => writes(1, '[', '[', ']'),
  'a result of empty arrays': () => writes(1, '[', '[],', '[]]'),
  'a result of empty objects': () => writes(1, '[', '{},', '{}]'),
  'a result of small objects': () => writes(1, '[', '{"a":1},', '{}]'),
  'a result of fractions': () => writes(1, '[', '1.5,', '1]'),
  'a result of one number': () => writes(1, '1', '1', '1'),
  'a result of escapes': () => writes(1, '"', '\\u0000', '"'),
  'a name of arrays on file descriptor 3': () => writes(3, '{"emit":{"data":1,"event":[', '[],', '[]]}}\n'),
  'a reason of objects on file descriptor 3': () => writes(3, '{"reject":{"reason":[', '{},', '{}]}}\n'),
  'empty lines on file descriptor 3': () => writes(3, '\n', '\n', '\n'),
  'lines of a log': () => writes(2, '\n', 'x\n', '\n'),
  'a panic that does not end': () => writes(2, "thread 'main' panicked at ", 'x', '\n'),
  'backtraces that do not end': () => writes(2, "thread 'main' panicked at x.rs:1:1:\n", '   0: x\n', '\n'),
  'a long message to abort': () =>
    withLongString(
      '(call $abort (i32.const 4096) (i32.const 4096) (i32.const 1) (i32.const 1)) (unreachable)',
    ),
  'a long string as result': () => withLongString('(i32.const 4096)'),
  'a long result in the first ABI': () =>
    original(`${GROW} (call $answer (local.get 0) (i64.const 0) (i32.const 0) (i32.const ${LONG}))`),
  'a long error in the first ABI': () =>
    original(`${GROW} (call $answer (local.get 0) (i64.const 1) (i32.const 0) (i32.const ${LONG}))`),
  'memory that is filled, and a trap': () =>
    command(`${GROW} (memory.fill (i32.const 0) (i32.const 1) (i32.const ${LONG})) (unreachable)`),
}

/** What guests do again and again. */
const ENDLESS: Readonly<Record<string, () => Uint8Array<ArrayBuffer>>> = {
  'a log of long parts': () =>
    forEver('(call $fd_write (i32.const 2) (i32.const 0) (i32.const 1024) (i32.const 60000))'),
  'a result of long parts': () =>
    forEver('(call $fd_write (i32.const 1) (i32.const 0) (i32.const 1024) (i32.const 60000))'),
  'reads of long parts': () =>
    forEver('(call $fd_read (i32.const 0) (i32.const 0) (i32.const 1024) (i32.const 60000))'),
  'random numbers': () => forEver(`(call $random_get (i32.const 0) (i32.const ${60 * MiB}))`),
  'a long string in the log': () => againWithLongString('(call $log (i32.const 1) (i32.const 4096))'),
  'a long string on the console': () => againWithLongString('(call $print (i32.const 4096))'),
  'a long reason to reject': () => againWithLongString('(call $reject (i32.const 4096))'),
  'a long reason to retry': () => againWithLongString('(call $retry (f64.const 1) (i32.const 4096))'),
  'a variable with a long name': () => againWithLongString('(drop (call $env (i32.const 4096)))'),
  'an event with a long name': () => againWithLongString('(call $emit (i32.const 4096) (i32.const 64))'),
  'an event with long data': () => againWithLongString('(call $emit (i32.const 32) (i32.const 4096))'),
  'a long log in the first ABI': () =>
    original(`${GROW} (loop $again (call $log (i32.const 1) (i32.const 0) (i32.const ${LONG})) (br $again))`),
  'waits without an end': () =>
    forEver('(call $poll_oneoff (i32.const 0) (i32.const 1000000) (i32.const 1024) (i32.const 60000))'),
  'long paths': () => forEver(`(call $path_unlink_file (i32.const 0) (i32.const 0) (i32.const ${60 * MiB}))`),
}

/** All of them: each makes its module. */
export const ATTACKS = { ...ENDING, ...ENDLESS }

/** Runs an attack on all threads of a pool, twice, and prints the outcomes and the most memory that the process had, in MiB. */
async function attack(name: string): Promise<void> {
  const bytes = ATTACKS[name]?.()
  if (bytes === undefined) throw new Error(`there is no attack ${name}`)
  const module = checkModule(bytes, { name: 'a.wasm', memoryBytes: SIZE.memoryBytes })
  const pool = await createPool({
    module,
    concurrency: SIZE.concurrency,
    timeoutMs: name in ENDLESS ? ENDLESS_MS : TIMEOUT_MS,
    heapBytes: threadHeap(SIZE),
    env: {},
    events: [OTHER],
    onLog: () => undefined,
  })
  const outcomes: string[] = []
  for (let round = 0; round < 2; round++) {
    const runs = Array.from({ length: SIZE.concurrency }, (_, n) =>
      pool.run(`k${n}`, { text: '{}', variables: [] }),
    )
    for (const { outcome } of await Promise.all(runs))
      outcomes.push(outcome.kind === 'ok' ? 'ok' : outcome.code)
  }
  await pool.close()
  const peak = Math.round(process.resourceUsage().maxRSS / 1024)
  process.stdout.write(JSON.stringify({ outcomes: [...new Set(outcomes)].sort(), peak }))
}

const [, , wanted] = process.argv
if (wanted !== undefined && import.meta.filename === process.argv[1]) await attack(wanted)
