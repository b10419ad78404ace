// The part of the WebAssembly JavaScript API that is used here: TypeScript has it only among the types of browsers.
declare namespace WebAssembly {
  /** A compiled module; it can be posted to another thread. */
  interface Module {
    readonly [Symbol.toStringTag]: 'WebAssembly.Module'
  }
  interface Memory {
    readonly buffer: ArrayBuffer
    /** Throws a RangeError where the maximum forbids it. */
    grow(pages: number): number
  }
  interface Instance {
    readonly exports: Readonly<Record<string, unknown>>
  }
  type Imports = Record<string, Record<string, unknown>>

  const Module: {
    new (bytes: Uint8Array<ArrayBuffer>): Module
    /** Copies of the contents of all custom sections of that name, in their order. */
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
