import t from 'tap'
import { attackAll, exited, invalid, ok, tooLarge, trap } from './attack.fixture.ts'
import { command, exitWith, original, script } from './wat.fixture.ts'

const MiB = 2 ** 20
/** 1,024 parts at 0, each of them all the memory. */
const PARTS = `(local $at i32)
  (loop $l
    (i32.store offset=4 (local.get $at) (i32.const 131072))
    (local.set $at (i32.add (local.get $at) (i32.const 8)))
    (br_if $l (i32.lt_u (local.get $at) (i32.const 8192))))`

t.test('lies about where things are', (t) => {
  attackAll(t, [
    {
      name: 'a result past the end',
      bytes: () => original('(call $answer (local.get 0) (i64.const 0) (i32.const 65530) (i32.const 7))'),
      want: invalid(/gave back 7 bytes at 65530, outside of its memory of 65536 bytes/),
    },
    {
      name: 'a result below zero',
      bytes: () => original('(call $answer (local.get 0) (i64.const 0) (i32.const -8) (i32.const 8))'),
      want: invalid(/8 bytes at 4294967288, outside/),
    },
    {
      name: 'a result that would wrap around',
      bytes: () => original('(call $answer (local.get 0) (i64.const 0) (i32.const -1) (i32.const -1))'),
      want: invalid(/4294967295 bytes at 4294967295, outside/),
    },
    {
      name: 'a result of negative length',
      bytes: () => original('(call $answer (local.get 0) (i64.const 0) (i32.const 8) (i32.const -1))'),
      want: invalid(/4294967295 bytes at 8, outside/),
    },
    {
      name: 'a result that is where the answer is',
      bytes: () => original('(call $answer (local.get 0) (i64.const 0) (local.get 0) (i32.const 8))'),
      want: ok(JSON.stringify('\0'.repeat(8))),
    },
    {
      name: 'a result that is all of the memory, in the way of an error',
      bytes: () => original('(call $answer (local.get 0) (i64.const -1) (i32.const 0) (i32.const 65536))'),
      want: { kind: 'retry', code: 'RETRY_REQUESTED', reason: /^error 18446744073709551615: \0+…$/ },
    },
    ...[
      [399, 'retry'],
      [400, 'reject'],
      [499, 'reject'],
      [500, 'retry'],
    ].map(([error, kind]) => ({
      name: `the error ${error}`,
      bytes: () => original(`(call $answer (local.get 0) (i64.const ${error}) (i32.const 0) (i32.const 0))`),
      want: { kind, reason: `error ${error}` },
    })),
    {
      name: 'an error without UTF-8',
      bytes: () =>
        original(
          '(i32.store (i32.const 0) (i32.const 0x41fffe)) (call $answer (local.get 0) (i64.const 400) (i32.const 0) (i32.const 3))',
        ),
      want: { kind: 'reject', reason: 'error 400: \ufffd\ufffdA' },
    },
    {
      name: 'a result without UTF-8',
      bytes: () =>
        original(
          '(i32.store (i32.const 0) (i32.const 0xff)) (call $answer (local.get 0) (i64.const 0) (i32.const 0) (i32.const 1))',
        ),
      want: invalid(/not UTF-8/),
    },
    {
      name: 'memory that grows under the result',
      bytes: () =>
        original(
          '(drop (memory.grow (i32.const 8))) (i32.store8 (i32.const 589823) (i32.const 55)) (call $answer (local.get 0) (i64.const 0) (i32.const 589823) (i32.const 1))',
        ),
      want: ok('7'),
    },
    ...['0', '-1', '65530', '65536'].map((pointer) => ({
      name: `malloc that gives back ${pointer}`,
      bytes: () => original('', { malloc: `i32.const ${pointer}` }),
      want: trap(/malloc gave back \d+ for \d+ bytes/),
    })),
    {
      name: 'malloc that always gives back the same',
      bytes: () =>
        original('(call $answer (local.get 0) (i64.const 0) (local.get 1) (i32.const 2))', {
          malloc: 'i32.const 8',
        }),
      want: ok(JSON.stringify('\0\0')),
    },
    {
      name: 'malloc that traps',
      bytes: () => original('', { malloc: 'unreachable' }),
      want: trap(/unreachable/),
    },
    {
      name: 'a string whose length wraps around',
      bytes: () => script('(i32.store (i32.const 60) (i32.const 0xfffffffe)) i32.const 64'),
      want: invalid(/64, where there is no string/),
    },
    {
      name: 'a string up to the end of the memory',
      bytes: () =>
        script(
          '(i64.store (i32.const 65524) (i64.const 0x200000002)) (i32.store16 (i32.const 65532) (i32.const 55)) i32.const 65532',
        ),
      want: ok('7'),
    },
    {
      name: 'a text for people that is not there',
      bytes: () =>
        script('(call $print (i32.const -4)) (call $log (i32.const 99) (i32.const 65535)) i32.const 64'),
      want: ok('42'),
      logs: [
        ['info', '(no string at 4294967292)'],
        ['info', '(no string at 65535)'],
      ],
    },
    {
      name: 'a line that is not there',
      bytes: () => original('(call $log (i32.const -1) (i32.const -4) (i32.const -1))'),
      want: ok(),
      logs: [['info', '(no text at 4294967292)']],
    },
  ])
  t.end()
})

t.test('WASI', (t) => {
  attackAll(t, [
    {
      name: '4 billion parts of a write',
      bytes: () =>
        command(exitWith('(call $fd_write (i32.const 1) (i32.const 0) (i32.const -1) (i32.const 0))')),
      want: exited(28),
    },
    {
      name: 'all parts are the whole memory, to standard output',
      bytes: () => command(`${PARTS} ${exitWith(writeParts(1))}`),
      want: tooLarge(/more than 8388608 bytes/),
      memoryBytes: 4 * MiB,
    },
    {
      name: 'all parts are the whole memory, to standard error',
      bytes: () => command(`${PARTS} (drop ${writeParts(2)})`),
      want: ok(),
      logs: [['info', /^.{4000,}…$/s]],
    },
    {
      name: 'all parts are the whole memory, to standard input, somewhere',
      bytes: () =>
        command(
          `${PARTS} ${exitWith('(call $fd_pwrite (i32.const 0) (i32.const 0) (i32.const 1024) (i64.const -1) (i32.const 0))')}`,
        ),
      want: exited(8),
    },
    {
      name: 'standard input of 8 GiB',
      bytes: () => command(exitWith('(call $fd_filestat_set_size (i32.const 0) (i64.const 8589934592))')),
      want: exited(58),
    },
    {
      name: 'standard input of 8 GiB, in another way',
      bytes: () =>
        command(exitWith('(call $fd_allocate (i32.const 0) (i64.const 0) (i64.const 8589934592))')),
      want: exited(58),
    },
    {
      name: 'a write into nowhere',
      bytes: () =>
        command('(drop (call $fd_write (i32.const 1) (i32.const -8) (i32.const 1) (i32.const 0)))'),
      want: trap(/fd_write was given memory that is not there/),
    },
    {
      name: 'variables into nowhere',
      bytes: () => command('(drop (call $environ_get (i32.const -8) (i32.const -8)))'),
      env: { A: 'b' },
      want: trap(/environ_get was given memory that is not there/),
    },
    {
      name: 'a time into nowhere',
      bytes: () => command('(drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const -4)))'),
      want: trap(/clock_time_get was given memory that is not there/),
    },
    {
      name: '4 GiB of randomness',
      bytes: () => command('(drop (call $random_get (i32.const 8) (i32.const -1)))'),
      want: ok(),
    },
    {
      name: 'more waits than there are',
      bytes: () =>
        command(exitWith('(call $poll_oneoff (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 0))')),
      want: exited(28),
    },
    {
      name: 'waits into nowhere',
      bytes: () =>
        command('(drop (call $poll_oneoff (i32.const -48) (i32.const 0) (i32.const 1) (i32.const 0)))'),
      want: trap(/poll_oneoff was given memory that is not there/),
    },
    {
      name: 'a write after the close',
      bytes: () =>
        command(`(drop (call $fd_close (i32.const 1)))
        ${exitWith('(call $fd_write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))')}`),
      want: exited(8),
    },
    {
      name: 'streams that change places',
      bytes: () =>
        command(
          `(drop (call $fd_renumber (i32.const 2) (i32.const 1))) (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const 3)) (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))`,
          '(data (i32.const 64) "log")',
        ),
      want: ok(),
      logs: [['info', 'log']],
    },
    ...[
      ['a stream that is not there', '(call $fd_renumber (i32.const -1) (i32.const 1))', 8],
      [
        'a file',
        `(call $path_open (i32.const 3) ${zeros(1)} (i32.const 64) (i32.const -1) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 0))`,
        54,
      ],
      [
        'a file below standard input',
        `(call $path_open (i32.const 0) ${zeros(1)} (i32.const 64) (i32.const 8) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 0))`,
        54,
      ],
      ['a socket', `(call $sock_accept ${zeros(3)})`, 58],
      ['a folder', `(call $fd_readdir (i32.const 3) ${zeros(2)} (i64.const 0) (i32.const 0))`, 58],
      ['what was opened for it', `(call $fd_prestat_get (i32.const 3) (i32.const 0))`, 8],
    ].map(([name, call, errno]) => ({
      name: String(name),
      bytes: () => command(exitWith(String(call))),
      want: exited(Number(errno)),
    })),
  ])
  t.end()
})

t.test('results and lines without end', (t) => {
  attackAll(t, [
    {
      name: 'a string of 60 MiB as a line and as the result',
      bytes: () =>
        script(
          `(drop (memory.grow (i32.const 1000))) (i64.store (i32.const 65528) (i64.const 0x3c0000000000002))
        (i32.store (i32.const 65528) (i32.const 2)) (i32.store (i32.const 65532) (i32.const 0x3c00000))
        (memory.fill (i32.const 65536) (i32.const 97) (i32.const 0x3c00000)) (call $print (i32.const 65536)) i32.const 65536`,
        ),
      memoryBytes: 64 * MiB,
      want: tooLarge(/has 31457280 characters/),
      logs: [['info', /^\u6161{1365}…$/]],
    },
    {
      name: 'a result of 60 MiB',
      bytes: () =>
        original('(call $answer (local.get 0) (i64.const 0) (i32.const 0) (i32.const 0x3c00000))', {
          memory: '1000',
        }),
      memoryBytes: 64 * MiB,
      want: tooLarge(/has 62914560 bytes/),
    },
    {
      name: 'a line of all of its memory',
      bytes: () =>
        original(
          '(memory.fill (i32.const 0) (i32.const 97) (i32.const 0x3e80000)) (call $log (i32.const 2) (i32.const 0) (i32.const 0x3e80000)) (call $answer (local.get 0) (i64.const 0) (i32.const 0) (i32.const 0))',
          { memory: '1000' },
        ),
      memoryBytes: 64 * MiB,
      want: ok(),
      logs: [['warn', /^a{4096}…$/]],
    },
    {
      name: 'lines with NUL, escapes and bytes that are no UTF-8',
      bytes: () =>
        original('(call $log (i32.const 1) (i32.const 64) (i32.const 9))', {
          more: '(data (i32.const 64) "a\\00\\1b[2J\\ff\\c3b")',
          memory: '1',
        }),
      want: ok(),
      // As they are: the log is JSON, and whoever shows it to a terminal takes them out.
      logs: [['info', 'a\0\u001b[2J\ufffd\ufffdb']],
    },
    ...['', '[', '{"a":1}]', '\ufeff1'].map((text) => ({
      name: `a result that is ${JSON.stringify(text)}`,
      bytes: () => answering(text),
      want: text === '' ? ok() : ok(JSON.stringify(text)),
    })),
    {
      name: 'JSON 1,000,000 deep',
      bytes: () =>
        original(
          `(memory.fill (i32.const 65536) (i32.const 91) (i32.const 1000000))
        (memory.fill (i32.const 1065536) (i32.const 93) (i32.const 1000000))
        (call $answer (local.get 0) (i64.const 0) (i32.const 65536) (i32.const 2000000))`,
          { memory: '64' },
        ),
      want: invalid(/nested deeper than 128 levels/),
    },
    {
      name: 'JSON of 8 MiB that is as many objects as can be',
      bytes: () =>
        original(
          `(local $at i32) (local.set $at (i32.const 65536))
        (i32.store8 (local.get $at) (i32.const 91))
        (loop $l (local.set $at (i32.add (local.get $at) (i32.const 3)))
          (i32.store (i32.sub (local.get $at) (i32.const 2)) (i32.const 0x2c7d7b))
          (br_if $l (i32.lt_u (local.get $at) (i32.const 8450000))))
        (i32.store8 (local.get $at) (i32.const 93))
        (call $answer (local.get 0) (i64.const 0) (i32.const 65536) (i32.sub (i32.add (local.get $at) (i32.const 1)) (i32.const 65536)))`,
          { memory: '160' },
        ),
      memoryBytes: 16 * MiB,
      want: { kind: 'ok' },
    },
  ])
  t.end()
})

function writeParts(fd: number): string {
  return `(call $fd_write (i32.const ${fd}) (i32.const 0) (i32.const 1024) (i32.const 16384))`
}

function zeros(count: number): string {
  return '(i32.const 0)'.repeat(count)
}

function answering(text: string): Uint8Array {
  const bytes = Buffer.from(text)
  const escaped = Array.from(bytes, (byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')
  return original(`(call $answer (local.get 0) (i64.const 0) (i32.const 64) (i32.const ${bytes.length}))`, {
    more: `(data (i32.const 64) "${escaped}")`,
  })
}
