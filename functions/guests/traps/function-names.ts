import { demangle } from './demangle.ts'
import { printableName } from '../check/printable-name.ts'

// What stands between a module's own functions and a trap: library and runtime of AssemblyScript, Rust, TinyGo and C.
const LIBRARY =
  /^(?:~lib\/|export:|<?(?:core|std|alloc|compiler_builtins|dlmalloc)::|rust_(?:panic|begin_unwind|oom)|_+rustc?(?:_|::)|__rg_|__wasi_|runtime\.|wasm_)|^(?:_*abort|_*exit|_*assert_fail|_start|_initialize|__original_main|__main_void|__wasm_call_ctors|(?:dl|emmalloc_)?(?:malloc|calloc|realloc|free))(?:$|\.)/
// Folders of AssemblyScript and packages of Go, also within type arguments.
const FOLDERS = /(?:[\w.~@-]+\/)+(?=\S)/g
const ALLOCATORS = /^~lib\/rt\/|handle_alloc_error|alloc_error_handler|rust_oom|__rg_oom/

/** A function of a module, as people call it, and what it is for. */
export interface FunctionName {
  /** Fit for a message. */
  readonly shown: string
  /** True where it is no function of the module's author. */
  readonly library: boolean
  /** True where a trap in it means that there is no memory left. */
  readonly allocates: boolean
}

/** What the function of that name in the name section, and of that index, is called. */
export function functionName(name: string | undefined, index: number): FunctionName {
  if (name === undefined || name === '')
    return { shown: `function ${index}`, library: false, allocates: false }
  const source = demangle(name)
  const library = LIBRARY.test(source)
  return {
    shown: printableName(library ? source : source.replaceAll(FOLDERS, '')),
    library,
    allocates: ALLOCATORS.test(source),
  }
}
