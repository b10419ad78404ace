import t from 'tap'
import { RUNTIME, fromWat, handle } from '../test-modules.ts'
import { attackAll, exited, invalid, ok, tooLarge, trap } from './attack.fixture.ts'
import { SCRIPT_IMPORTS, command, exitWith, original, script } from './wat.fixture.ts'

const HI = { events: ['hi'] }
const EMIT = '(call $emit (i32.const 32) (i32.const 64))'
t.test('traps of every kind', (t) => {
  attackAll(t, [
    { name: 'unreachable', bytes: () => script('unreachable'), want: trap(/unreachable/) },
    {
      name: 'a division by zero',
      bytes: () => script('(i32.div_s (i32.const 1) (i32.const 0))'),
      want: trap(/divide by zero/),
    },
    {
      name: 'a remainder by zero',
      bytes: () => script('(i32.rem_u (i32.const 1) (i32.const 0))'),
      want: trap(/remainder by zero/),
    },
    {
      name: 'an overflow',
      bytes: () => script('(i32.div_s (i32.const 0x80000000) (i32.const -1))'),
      want: trap(/divide result unrepresentable/),
    },
    {
      name: 'a number that is no integer',
      bytes: () => script('(i32.trunc_f64_s (f64.const nan))'),
      want: trap(/float unrepresentable in integer range/),
    },
    {
      name: 'memory out of bounds',
      bytes: () => script('(i32.load offset=0xffffffff (i32.const -1))'),
      want: trap(/memory access out of bounds/),
    },
    {
      name: 'a copy out of bounds',
      bytes: () => script('(memory.copy (i32.const 0) (i32.const 8) (i32.const -1)) i32.const 64'),
      want: trap(/memory access out of bounds/),
    },
    {
      name: 'a call of null',
      bytes: () => script('(call_indirect (result i32) (i32.const 0))', '(table 1 1 funcref)'),
      want: trap(/null function|signature mismatch/),
    },
    {
      name: 'a call of another type',
      bytes: () =>
        script(
          '(call_indirect (result i32) (i32.const 0))',
          '(table 1 1 funcref) (elem (i32.const 0) $f) (func $f (param i64))',
        ),
      want: trap(/null function or function signature mismatch/),
    },
    {
      name: 'a call of the host as another type',
      bytes: () =>
        script(
          '(call_indirect (result i32) (i32.const 0))',
          '(table 1 1 funcref) (elem (i32.const 0) $emit)',
        ),
      want: trap(/null function or function signature mismatch/),
    },
    {
      name: 'a call outside of the table',
      bytes: () => script('(call_indirect (result i32) (i32.const -1))', '(table 1 1 funcref)'),
      want: trap(/table index is out of bounds/),
    },
    {
      name: 'a table out of bounds',
      bytes: () => script('(drop (table.get 0 (i32.const 5))) i32.const 64', '(table 1 1 externref)'),
      want: trap(/table index is out of bounds/),
    },
    {
      name: 'data that does not fit, at its start',
      bytes: () => script('i32.const 64', '(data (i32.const 65535) "ab")'),
      want: trap(/data segment 2 is out of bounds/),
    },
    {
      name: 'functions that do not fit into the table, at its start',
      bytes: () => script('i32.const 64', '(table 1 1 funcref) (elem (i32.const 1) $f) (func $f)'),
      want: trap(/table initializer 0|out of bounds/),
    },
    {
      name: 'an exception of its own, thrown again',
      bytes: () => script('(try $t (do (throw $e)) (catch $e (rethrow $t))) i32.const 64', '(tag $e)'),
      want: trap(/an exception that it does not catch/),
    },
    {
      name: 'recursion',
      bytes: () => script('(call $f)', '(func $f (result i32) (i32.add (call $f) (i32.const 1)))'),
      want: trap(/Maximum call stack size exceeded/),
    },
    {
      name: 'mutual recursion through the table',
      bytes: () =>
        script(
          '(call $f)',
          '(table 2 2 funcref) (elem (i32.const 0) $f $g)',
          '(func $f (result i32) (i32.add (call_indirect (result i32) (i32.const 1)) (i32.const 1)))',
          '(func $g (result i32) (i32.add (call_indirect (result i32) (i32.const 0)) (i32.const 1)))',
        ),
      want: trap(/Maximum call stack size exceeded/),
    },
    {
      name: 'recursion in its start function',
      bytes: () => script('i32.const 64', '(func $f (call $f) (call $f)) (start $f)'),
      want: trap(/Maximum call stack size exceeded/),
    },
    ...[original('unreachable'), original('', { init: 'unreachable' }), command('unreachable')].map(
      (bytes) => ({
        name: 'unreachable in the other ABIs',
        bytes: () => bytes,
        want: trap(/unreachable/),
      }),
    ),
  ])
  t.end()
})

t.test('what the host throws', (t) => {
  attackAll(t, [
    {
      name: 'a reject that is caught, and a trap after it',
      bytes: () => script('(try (do (call $reject (i32.const 32))) (catch_all)) unreachable'),
      want: { kind: 'reject', code: 'REJECTED', reason: 'hi' },
    },
    {
      name: 'an exit that is caught, and an exit after it',
      bytes: () =>
        command(`(try (do ${exitWith('(i32.const 65)')}) (catch_all)) ${exitWith('(i32.const 0)')}`),
      want: { kind: 'reject', code: 'REJECTED', reason: 'it exited with status 65' },
    },
    {
      name: 'an exit that is caught, and a result after it',
      bytes: () => command(`(try (do ${exitWith('(i32.const 75)')}) (catch_all))`),
      want: { kind: 'retry', code: 'RETRY_REQUESTED' },
    },
    {
      name: 'an exit out of nested calls',
      bytes: () =>
        command(
          '(call $a) unreachable',
          `(table 1 1 funcref) (elem (i32.const 0) $b)
        (func $a (call_indirect (i32.const 0)) unreachable) (func $b ${exitWith('(i32.const 0)')} unreachable)`,
        ),
      want: ok(),
    },
    {
      name: 'an exit in its start function',
      bytes: () => command('unreachable', `(func $s ${exitWith('(i32.const 65)')}) (start $s)`),
      want: { kind: 'reject', code: 'REJECTED' },
    },
    {
      name: 'an exit with all bits',
      bytes: () => command(exitWith('(i32.const -1)')),
      want: exited(4_294_967_295),
    },
    {
      name: 'a signal',
      bytes: () => command('(drop (call $proc_raise (i32.const 9)))'),
      want: trap(/^it raised the signal 9$/),
    },
    {
      name: 'memory of its own before it has any',
      bytes: () => command('', '(func $s (drop (call $random_get (i32.const 0) (i32.const 8)))) (start $s)'),
      want: trap(/it called WASI before its instantiation was over/),
    },
  ])
  t.end()
})

t.test('emit', (t) => {
  attackAll(t, [
    {
      name: '51 times',
      bytes: () => script(`${EMIT.repeat(51)} i32.const 64`),
      ...HI,
      want: tooLarge(/emits more than 50 events in one execution/),
    },
    {
      name: 'without end, and caught',
      bytes: () =>
        script(
          `(local $n i32) (loop $l (try (do ${EMIT}) (catch_all)) (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $l (i32.lt_u (local.get $n) (i32.const 10000)))) i32.const 64`,
        ),
      ...HI,
      want: tooLarge(/more than 50 events/),
    },
    {
      name: 'to an event that is not there',
      bytes: () => script(`${EMIT} i32.const 64`),
      want: { kind: 'reject', code: 'OUTPUT_INVALID', reason: /"hi", which is no other event .*: none/ },
    },
    {
      name: 'to nothing',
      bytes: () => script('(call $emit (i32.const 0) (i32.const 64)) i32.const 64'),
      ...HI,
      want: { kind: 'reject', code: 'OUTPUT_INVALID', reason: /"", which is no other event .*: hi/ },
    },
    {
      name: 'what is not JSON',
      bytes: () => script('(call $emit (i32.const 32) (i32.const 32)) i32.const 64'),
      ...HI,
      want: invalid(/what it emits to hi is not JSON/),
    },
    {
      name: 'what is nowhere',
      bytes: () => script('(call $emit (i32.const 32) (i32.const -2)) i32.const 64'),
      ...HI,
      want: invalid(/emit was given 4294967294, where there is no string/),
    },
    {
      name: 'in a start function, where nothing can be read yet',
      bytes: () => script('i32.const 64', `(func $s ${EMIT}) (start $s)`),
      ...HI,
      want: invalid(/emit was given 64, where there is no string/),
    },
    {
      name: '50 times, and a result that is broken',
      bytes: () => script(`${EMIT.repeat(50)} i32.const 32`),
      ...HI,
      want: invalid(/not JSON/),
    },
  ])
  t.end()
})

t.test('the host called back', (t) => {
  attackAll(t, [
    {
      name: 'by an allocator that asks the host without end',
      bytes: () =>
        fromWat(
          SCRIPT_IMPORTS,
          RUNTIME.replace(
            '(local $pointer i32)',
            '(local $pointer i32) (if (i32.ne (local.get $size) (i32.const 4)) (then (drop (call $env (i32.const 32)))))',
          ),
          handle('(call $env (i32.const 32))'),
        ),
      env: { hi: '1' },
      want: trap(/Maximum call stack size exceeded/),
    },
  ])
  t.end()
})
