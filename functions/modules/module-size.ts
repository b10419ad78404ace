/** The maximum size of a module, in bytes. */
export const MODULE_BYTES = 64 * 1024 * 1024

/** Says that an object of this size is no module; undefined if it may be one. `name` is for the message. Pure. */
export function sizeFault(name: string, bytes: number): string | undefined {
  if (bytes <= MODULE_BYTES) return undefined
  return `${name} has ${bytes} bytes, the limit is ${MODULE_BYTES} (64 MiB); compile it with optimisation and without debugging information, and push it again`
}
