import type { Host } from './abi.ts'

/** A function that a guest may import: its type as in `(i32, i64) -> i32`, and how it is made for one guest. */
export interface HostFunction<Guest> {
  readonly type: string
  readonly make: (guest: Guest, host: Host) => (...args: never[]) => unknown
}

/** Functions of one module of imports, by name. */
export type HostFunctions<Guest> = Readonly<Record<string, HostFunction<Guest>>>

/** A function that is offered. */
export function hostFunction<Guest>(type: string, make: HostFunction<Guest>['make']): HostFunction<Guest> {
  return { type, make }
}

/** The types of what is offered, by name. */
export function typesOf<Guest>(offers: HostFunctions<Guest>): ReadonlyMap<string, string> {
  return new Map(Object.entries(offers).map(([name, { type }]) => [name, type]))
}

/** What is offered, made for one guest. */
export function bindHostFunctions<Guest>(
  offers: HostFunctions<Guest>,
  guest: Guest,
  host: Host,
): Record<string, unknown> {
  return bare(Object.entries(offers).map(([name, { make }]) => [name, make(guest, host)]))
}

/** An object without a prototype: a module could import what every other object inherits. */
export function bare<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.assign(Object.create(null) as Record<string, T>, Object.fromEntries(entries))
}
