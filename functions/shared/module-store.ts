import type { NatsConnection } from '@nats-io/transport-node'

/** A module as the store knows it, without its bytes. */
export interface StoredModule {
  /** The file name under which it was pushed, or its digest. */
  readonly name: string
  /** `sha256-<hex>` of its bytes. */
  readonly digest: string
  readonly size: number
  /** When it was put, RFC 3339. */
  readonly modified: string
  /** Changes with every put. */
  readonly version: string
  /** Since when nothing has pointed to it, RFC 3339, as told to `markUnused`. */
  readonly unusedSince: string | undefined
}

/** The modules of one namespace. A store that was never made is an empty one. All throw QUEUE_UNAVAILABLE. */
export interface ModuleStore {
  /** What is known of a module by its name; undefined when it is not there. Does not move its bytes. */
  find(name: string): Promise<StoredModule | undefined>
  /** The bytes of a module, held against its digest; undefined when it is not there. Throws MODULE_INVALID when it was changed. */
  read(name: string): Promise<Uint8Array<ArrayBuffer> | undefined>
  /**
   * Stores a module by the name of its file, or by its digest as `sha256-<hex>`. One that is there and whole is not
   * written again. Throws MODULE_INVALID for a name that no Job can have or a digest that is not that of the bytes, and
   * STREAM_REFUSED when there is no room.
   */
  put(name: string, bytes: Uint8Array): Promise<StoredModule>
  /** Every module, by name. */
  list(): Promise<readonly StoredModule[]>
  /** Removes a module; one that is gone already is no fault. */
  remove(name: string): Promise<void>
  /** Notes since when nothing has pointed to a module, RFC 3339, or undefined when something does. */
  markUnused(name: string, since: string | undefined): Promise<void>
}

/** How to open a store. */
export interface ModuleStoreOptions {
  /**
   * Makes the store where it is missing. With `replicas` it is brought to so many; without, it is made with one and
   * otherwise left as found.
   */
  readonly create?: { readonly replicas?: number }
}

/** The bucket of the JetStream object store that holds a namespace's modules. */
export function moduleBucket(namespace: string): string {
  return `jobico-modules-${namespace}`
}

/** Opens the module store of a namespace. Throws STREAM_REFUSED when it can not be made, and QUEUE_UNAVAILABLE. */
export function openModuleStore(
  connection: NatsConnection,
  namespace: string,
  options: ModuleStoreOptions = {},
): Promise<ModuleStore> {
  throw new Error(`not yet: ${namespace} ${options.create?.replicas ?? 1} ${connection.getServer()}`)
}
