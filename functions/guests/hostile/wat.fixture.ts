import { PREVIEW1, PREVIEW1_TYPES } from '../wasi/preview1-types.ts'
import { RUNTIME, fromWat, handle } from '../test-modules.ts'

/** Imports of the ABI `assemblyscript`, each under its own name, but `print` for console.log and `now` for Date.now. */
export const SCRIPT_IMPORTS = `
  (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
  (import "env" "console.log" (func $print (param i32)))
  (import "env" "Date.now" (func $now (result f64)))
  (import "jobico" "log" (func $log (param i32 i32)))
  (import "jobico" "reject" (func $reject (param i32)))
  (import "jobico" "retry" (func $retry (param f64 i32)))
  (import "jobico" "env" (func $env (param i32) (result i32)))
  (import "jobico" "emit" (func $emit (param i32 i32)))`

/** A module of the ABI `assemblyscript`: the body of `handle`, whose local 0 is the event, and further parts. */
export function script(body: string, ...parts: readonly string[]): Uint8Array<ArrayBuffer> {
  return fromWat(SCRIPT_IMPORTS, RUNTIME, ...parts, handle(body))
}

/** Parts of a module of the ABI `jobico`; by default it does nothing. */
export interface OriginalParts {
  readonly init?: string
  /** The body of malloc; the default never frees. */
  readonly malloc?: string
  /** The limits of the memory, in pages. */
  readonly memory?: string
  readonly more?: string
}

const MALLOC = '(global.get $top) (global.set $top (i32.add (global.get $top) (local.get 0)))'

/**
 * A module of the ABI `jobico`: the body of `event`, with the locals `$result`, `$data` and `$length`. The function
 * `$answer` writes the number of the error, a pointer and a length to `$result`.
 */
export function original(
  body: string,
  { init = '', malloc = MALLOC, memory = '1', more = '' }: OriginalParts = {},
): Uint8Array<ArrayBuffer> {
  return fromWat(
    `(import "env" "log" (func $log (param i32 i32 i32)))`,
    more,
    `(memory (export "memory") ${memory})
    (global $top (mut i32) (i32.const 4096))
    (func (export "init") ${init})
    (func (export "malloc") (param i32) (result i32) ${malloc})
    (func (export "free") (param i32))
    (func $answer (param $at i32) (param $error i64) (param $pointer i32) (param $length i32)
      (i64.store (local.get $at) (local.get $error))
      (i32.store offset=8 (local.get $at) (local.get $length))
      (i32.store offset=12 (local.get $at) (local.get $pointer)))
    (func (export "event") (param $result i32) (param $data i32) (param $length i32) ${body})`,
  )
}

/** A module of the ABI `wasi` that imports all of WASI preview 1: the body of `_start`, and further parts. */
export function command(body: string, ...parts: readonly string[]): Uint8Array<ArrayBuffer> {
  return fromWat(
    ...[...PREVIEW1_TYPES].map(
      ([name, type]) => `(import "${PREVIEW1}" "${name}" (func $${name} ${inText(type)}))`,
    ),
    '(memory (export "memory") 2)',
    ...parts,
    `(func (export "_start") ${body})`,
  )
}

/** The code that exits with what a call returns. */
export function exitWith(call: string): string {
  return `(call $proc_exit ${call})`
}

function inText(type: string): string {
  const [params = '', results = ''] = type.slice(1).replaceAll(',', '').split(') -> ')
  return `(param ${params}) ${results === 'nothing' ? '' : `(result ${results})`}`
}
