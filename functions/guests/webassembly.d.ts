// The part of the WebAssembly JavaScript API that is used here. TypeScript has its types only in those of browsers.
declare namespace WebAssembly {
  /** A compiled module; it can be sent to another thread. */
  interface Module {
    readonly [Symbol.toStringTag]: 'WebAssembly.Module'
  }
  interface Memory {
    readonly buffer: ArrayBuffer
    /** Throws a RangeError when that would exceed the maximum. */
    grow(pages: number): number
  }
  interface Instance {
    readonly exports: Readonly<Record<string, unknown>>
  }
  type Imports = Record<string, Record<string, unknown>>

  const Module: {
    new (bytes: Uint8Array<ArrayBuffer>): Module
    /** Copies of the contents of all custom sections of that name, in order. */
    customSections(module: Module, name: string): readonly ArrayBuffer[]
    imports(module: Module): readonly { readonly module: string; readonly name: string }[]
  }
  const Instance: new (module: Module, imports?: Imports) => Instance
  const Exception: abstract new () => object
  const RuntimeError: ErrorConstructor
  const CompileError: ErrorConstructor
  /** Rejects with a CompileError that says at which offset the module is wrong. */
  function compile(bytes: Uint8Array<ArrayBuffer>): Promise<Module>
  function validate(bytes: Uint8Array<ArrayBuffer>): boolean
}
