import { main } from 'assemblyscript/asc'
import wabt from 'wabt'

const wat = await wabt()

/** The exports that the ABI `assemblyscript` needs, but `handle`. Nothing is freed; the string `hi` is at 32, `42` at 64. */
export const RUNTIME = `
  (memory (export "memory") 1)
  (data (i32.const 24) "\\02\\00\\00\\00\\04\\00\\00\\00" "h\\00i\\00")
  (data (i32.const 56) "\\02\\00\\00\\00\\04\\00\\00\\00" "4\\002\\00")
  (global $top (mut i32) (i32.const 1024))
  (func (export "__new") (param $size i32) (param $id i32) (result i32)
    (local $pointer i32)
    (local.set $pointer (i32.add (global.get $top) (i32.const 16)))
    (i32.store (i32.sub (local.get $pointer) (i32.const 8)) (local.get $id))
    (i32.store (i32.sub (local.get $pointer) (i32.const 4)) (local.get $size))
    (global.set $top
      (i32.and (i32.add (i32.add (local.get $pointer) (local.get $size)) (i32.const 15)) (i32.const -16)))
    (local.get $pointer))
  (func (export "__pin") (param i32) (result i32) (local.get 0))
  (func (export "__unpin") (param i32))
  (func (export "__collect"))`

/** A `handle` with that body; local 0 is the event. */
export function handle(body: string): string {
  return `(func (export "handle") (param i32) (result i32) ${body})`
}

/** Compiles a module from the text format, with features that wabt has off by default. */
export function fromWat(...parts: readonly string[]): Uint8Array<ArrayBuffer> {
  const features = {
    exceptions: true,
    tail_call: true,
    reference_types: true,
    threads: true,
    multi_memory: true,
    memory64: true,
  }
  const module = wat.parseWat('test.wat', `(module ${parts.join('\n')})`, features)
  try {
    return new Uint8Array(module.toBinary({}).buffer)
  } finally {
    module.destroy()
  }
}

/** Compiles one file of AssemblyScript as `jobico build` does, with further flags of asc. */
export async function fromAssemblyScript(
  source: string,
  ...flags: readonly string[]
): Promise<Uint8Array<ArrayBuffer>> {
  let binary: Uint8Array | undefined
  let errors = ''
  const { error } = await main(['index.ts', '--outFile', 'index.wasm', '--exportRuntime', ...flags], {
    readFile: (name) => (name === 'index.ts' ? source : null),
    writeFile: (_name, content) => void (binary = content as Uint8Array),
    listFiles: () => [],
    stderr: { write: (text) => void (errors += String(text)) },
  })
  if (error || !binary) throw new Error(`asc failed: ${errors}`, { cause: error })
  return new Uint8Array(binary)
}
