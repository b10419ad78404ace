import { demangle } from './demangle.ts'
import { printableName } from '../check/printable-name.ts'

// Functions of the library and runtime of AssemblyScript, Rust, TinyGo and C, which may stand above the module's own.
const LIBRARY =
  /^(?:~lib\/|export:|<?(?:core|std|alloc|compiler_builtins|dlmalloc)::|rust_(?:panic|begin_unwind|oom)|_+rustc?(?:_|::)|__rg_|__wasi_|runtime\.|wasm_)|^(?:_*abort|_*exit|_*assert_fail|_start|_initialize|__original_main|__main_void|__wasm_call_ctors|(?:dl|emmalloc_)?(?:malloc|calloc|realloc|free))(?:$|\.)/
// Folders in names of AssemblyScript and packages in names of Go, also within type arguments.
const FOLDERS = /(?:[\w.~@-]+\/)+(?=\S)/g
const ALLOCATORS = /^~lib\/rt\/|handle_alloc_error|alloc_error_handler|rust_oom|__rg_oom/

/** The name of a function of a module, and what kind of function it is. */
export interface FunctionName {
  /** The name for a message. */
  readonly shown: string
  /** Whether it belongs to a library or runtime, not to the author of the module. */
  readonly library: boolean
  /** Whether a trap in it means that memory is exhausted. */
  readonly allocates: boolean
}

/** Classifies a function by its name in the name section, if it has one, and its index. */
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
