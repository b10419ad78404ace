import type { Host } from './abi.ts'

/** A function that a guest may import: its type, such as `(i32, i64) -> i32`, and how to make it for one guest. */
export interface HostFunction<Guest> {
  readonly type: string
  readonly make: (guest: Guest, host: Host) => (...args: never[]) => unknown
}

/** The functions of one import module, by name. */
export type HostFunctions<Guest> = Readonly<Record<string, HostFunction<Guest>>>

/** Makes a host function; it lets TypeScript infer the types of `make`. */
export function hostFunction<Guest>(type: string, make: HostFunction<Guest>['make']): HostFunction<Guest> {
  return { type, make }
}

/** The types of host functions, by name. */
export function typesOf<Guest>(functions: HostFunctions<Guest>): ReadonlyMap<string, string> {
  return new Map(Object.entries(functions).map(([name, { type }]) => [name, type]))
}

/** Makes host functions for one guest. */
export function bindHostFunctions<Guest>(
  functions: HostFunctions<Guest>,
  guest: Guest,
  host: Host,
): Record<string, unknown> {
  return bare(Object.entries(functions).map(([name, { make }]) => [name, make(guest, host)]))
}

/** An object without a prototype: a module could import the properties that others inherit. */
export function bare<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.assign(Object.create(null) as Record<string, T>, Object.fromEntries(entries))
}
