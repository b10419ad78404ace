import type { AbiName } from './abi-registry.ts'
import { fromAssemblyScript } from './test-modules.ts'

/** The actions of every guest, selected by its event. Each ABI brings its own `say`, `reject`, `retry` and `write`. */
const ACTIONS = `
class Link { next: Link | null = null; filling: StaticArray<u8> = new StaticArray<u8>(1000000) }

/** Allocates that many megabytes, and keeps them. */
function allocate(count: i32): string {
  let last: Link | null = null
  for (let n = 0; n < count; n++) { const link = new Link(); link.next = last; last = link }
  return count.toString()
}

function act(action: string): string | null {
  if (action == 'ok') return '{"a":1}'
  if (action == 'nothing') return null
  if (action == 'retry') retry('later')
  if (action == 'reject') reject('no such customer')
  if (action == 'trap') unreachable()
  if (action == 'rust') { write(2, "thread 'main' panicked at src/a.rs:1:2:\\nboom\\n"); unreachable() }
  if (action == 'twice') return '[{"a":1,"b":{},"\\u0061":2}]'
  if (action == 'deep') return '['.repeat(129) + ']'.repeat(129)
  if (action == 'loop') { say(1, 'looping'); while (true) {} }
  if (action == 'memory') return allocate(i32.MAX_VALUE)
  if (action == 'work') { let sum = 0; for (let n = 0; n < 100000000; n++) sum = sum * 31 + n; return sum.toString() }
  if (action == 'laden') return allocate(66)
  if (action == 'levels') { for (let level = 0; level < 7; level++) say(level, level.toString()) }
  if (action == 'lines') { write(1, 'a\\nb'); write(2, 'c\\r\\n\\n'); write(1, 'd\\n'); write(2, 'e') }
  if (action == 'flood') { for (let line = 0; line < 1000; line++) say(1, line.toString()) }
  if (action == 'empty') return ''
  if (action == 'emoji') return '"\\u{1F980} gr\\u00fc\\u00df \\u{10ffff}"'
  if (action == 'half a pair') return '"' + String.fromCharCode(0xd83d) + '"'
  if (action == 'no JSON') return 'no JSON'
  if (action == '1 MiB') return '"' + 'x'.repeat(1048576 - 2) + '"'
  if (action == 'too large') return '"' + 'x'.repeat(8388608) + '"'
  return action.startsWith('"') ? action : null
}

@external('wasi_snapshot_preview1', 'fd_write')
declare function fd_write(fd: i32, parts: usize, count: i32, written: usize): i32

const part = memory.data(16)
function write(fd: i32, text: string): void {
  const bytes = String.UTF8.encode(text)
  store<usize>(part, changetype<usize>(bytes))
  store<i32>(part, bytes.byteLength, 4)
  if (fd_write(fd, part, 1, part + 8) != 0) unreachable()
}
function fail(message: string | null, file: string | null, line: u32, column: u32): void { unreachable() }
`

const SHELLS: Readonly<Record<AbiName, string>> = {
  assemblyscript: `
    @external('jobico', 'log') declare function say(level: i32, message: string): void
    @external('jobico', 'reject') declare function reject(reason: string): void
    @external('jobico', 'retry') declare function retryAfter(seconds: f64, reason: string): void
    function retry(reason: string): void { retryAfter(NaN, reason) }
    export function handle(event: string): string | null {
      if (event == 'retry after') retryAfter(1.5, 'later')
      return act(event)
    }`,
  jobico: `
    @external('env', 'log') declare function log(level: i32, pointer: usize, length: i32): void
    function say(level: i32, message: string): void {
      const bytes = String.UTF8.encode(message)
      log(level, changetype<usize>(bytes), bytes.byteLength)
    }
    let at: usize = 0
    function give(error: u64, text: string | null): void {
      const bytes = String.UTF8.encode(text === null ? '' : text)
      store<u64>(at, error)
      store<u64>(at, u64(changetype<usize>(bytes)) << 32 | u64(bytes.byteLength), 8)
      __pin(changetype<usize>(bytes))
    }
    let ended = false
    function reject(reason: string): void { ended = true; give(422, reason) }
    function retry(reason: string): void { ended = true; give(500, reason) }
    export function init(): void {}
    export function malloc(size: i32): usize { return heap.alloc(size) }
    export function free(pointer: usize): void { heap.free(pointer) }
    export function event(result: usize, pointer: usize, length: i32): void {
      at = result
      const text = act(String.UTF8.decodeUnsafe(pointer, length))
      if (!ended) give(0, text)
    }`,
  wasi: `
    @external('wasi_snapshot_preview1', 'fd_read')
    declare function fd_read(fd: i32, parts: usize, count: i32, read: usize): i32
    @external('wasi_snapshot_preview1', 'proc_exit') declare function proc_exit(status: i32): void
    function say(level: i32, message: string): void { write(2, message + '\\n') }
    function reject(reason: string): void { say(1, reason); proc_exit(65) }
    function retry(reason: string): void { say(1, reason); proc_exit(75) }
    function panics(): void { write(2, 'panic: the sky fell\\n\\nmain.main()\\n  main.go:21\\n'); proc_exit(2) }
    export function _start(): void {
      const most = 4194304
      const buffer = heap.alloc(most)
      store<usize>(part, buffer)
      store<i32>(part, most, 4)
      if (fd_read(0, part, 1, part + 8) != 0) unreachable()
      const action = String.UTF8.decodeUnsafe(buffer, load<i32>(part + 8))
      if (action == 'panic') panics()
      const text = act(action)
      if (text !== null) write(1, text)
    }`,
}

/** Compiles a guest of that ABI; it does the action that its event names. */
export async function actingGuest(abi: AbiName): Promise<Uint8Array<ArrayBuffer>> {
  const flags = abi === 'assemblyscript' ? [] : ['--use', 'abort=index/fail']
  return await fromAssemblyScript(`${ACTIONS}${SHELLS[abi]}`, '-O', ...flags)
}
