import { checkModule } from '../../guests/check/check.ts'
import { command } from '../../guests/hostile/wat.fixture.ts'
import { createPool } from './pool.ts'

const MiB = 2 ** 20
const TEXT_AT = 4096
const TEXT_BYTES = 8_000_000
const CONCURRENCY = 4

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

/** What guests do to make the host allocate, by name. */
export const ATTACKS: Readonly<Record<string, () => Uint8Array<ArrayBuffer>>> = {
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
  'a log of long parts': () =>
    forEver('(call $fd_write (i32.const 2) (i32.const 0) (i32.const 1024) (i32.const 60000))'),
  'a result of long parts': () =>
    forEver('(call $fd_write (i32.const 1) (i32.const 0) (i32.const 1024) (i32.const 60000))'),
  'reads of long parts': () =>
    forEver('(call $fd_read (i32.const 0) (i32.const 0) (i32.const 1024) (i32.const 60000))'),
  'random numbers': () => forEver(`(call $random_get (i32.const 0) (i32.const ${60 * MiB}))`),
  'long paths': () => forEver(`(call $path_unlink_file (i32.const 0) (i32.const 0) (i32.const ${60 * MiB}))`),
}

/** Runs an attack on all threads of a pool, twice, and prints the outcomes and the most memory that the process had, in MiB. */
async function attack(name: string): Promise<void> {
  const bytes = ATTACKS[name]?.()
  if (bytes === undefined) throw new Error(`there is no attack ${name}`)
  const module = checkModule(bytes, { name: 'a.wasm', memoryBytes: 64 * MiB })
  const pool = await createPool({
    module,
    concurrency: CONCURRENCY,
    timeoutMs: 3_000,
    env: {},
    onLog: () => undefined,
  })
  const outcomes: string[] = []
  for (let round = 0; round < 2; round++) {
    const runs = Array.from({ length: CONCURRENCY }, (_, n) =>
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
