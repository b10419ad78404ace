import type { NatsConnection } from '@nats-io/transport-node'

import type { EventRef, JobRef } from '../../../functions/queues/names.ts'
import { findInstance, type InstanceEvent } from '../../dev/instance.ts'
import type { Address } from './address.ts'
import type { ClusterTarget } from './cluster.ts'
import { devTarget } from './dev.ts'

/** How a cluster is named, as for kubectl. */
export interface ClusterOptions {
  readonly namespace?: string
  readonly context?: string
}

/** Where to find events: the options of the commands that send to listeners and ask them. */
export interface TargetOptions extends ClusterOptions {
  readonly url?: string
  readonly token?: string
}

/** A listener at an address of its own, behind which nothing else is known. */
export interface UrlTarget {
  readonly kind: 'url'
  listener(event: string): Promise<Address>
  close(): Promise<void>
}

/** What every platform that runs Jobs offers: a `jobico dev`, or a namespace of a cluster. */
export interface PlatformSides {
  /** For people. */
  readonly place: string
  /** How to reach the listener of an event. Throws an Error that names the fix where there is none. */
  listener(event: string): Promise<Address>
  /** The connection to NATS, one for all calls. Throws an Error that names the fix. */
  nats(): Promise<NatsConnection>
  /** Whether what NATS holds of a Job belongs here. */
  holds(ref: JobRef): boolean
  /** The events of all Jobs here, as they are declared. */
  events(): Promise<readonly EventRef[]>
  close(): Promise<void>
}

/** A `jobico dev` that runs on this machine. */
export interface DevTarget extends PlatformSides {
  readonly kind: 'dev'
  readonly served: readonly InstanceEvent[]
}

/** What runs Jobs. */
export type Platform = DevTarget | ClusterTarget

/** Where events are sent to and asked for. */
export type Target = UrlTarget | Platform

/** Calls `use` with what the options name, says on standard error which it is, and closes it in the end. */
export async function atTarget<T>(options: TargetOptions, use: (target: Target) => Promise<T>): Promise<T> {
  const { url } = options
  return url === undefined ? await atPlatform(options, use) : await using(urlTarget(url), use)
}

/** Calls `use` with the platform that the options name, by default the `jobico dev` of this folder or above, else the cluster. */
export async function atPlatform<T>(
  options: ClusterOptions,
  use: (platform: Platform) => Promise<T>,
): Promise<T> {
  return await using(await findPlatform(options), use)
}

async function findPlatform(options: ClusterOptions): Promise<Platform> {
  const namesCluster = options.namespace !== undefined || options.context !== undefined
  const found = namesCluster ? undefined : await findInstance(process.cwd())
  const platform = found === undefined ? await openCluster(options, !namesCluster) : devTarget(found)
  process.stderr.write(`using ${platform.place}\n`)
  return platform
}

/** Calls `use` with the cluster that the options name, whatever runs on this machine; `scope` is how much of it, for people. */
export async function atCluster<T>(
  options: ClusterOptions,
  use: (cluster: ClusterTarget) => Promise<T>,
  scope = ({ place }: ClusterTarget) => place,
): Promise<T> {
  const cluster = await openCluster(options, false)
  process.stderr.write(`using ${scope(cluster)}\n`)
  return await using(cluster, use)
}

/** The client of Kubernetes is large: whoever does not need it does not load it. */
async function openCluster(options: ClusterOptions, soughtDev: boolean): Promise<ClusterTarget> {
  const { clusterTarget } = await import('./cluster.ts')
  return await clusterTarget(options, soughtDev)
}

async function using<S extends Target, T>(target: S, use: (target: S) => Promise<T>): Promise<T> {
  try {
    return await use(target)
  } finally {
    await target.close()
  }
}

function urlTarget(text: string): UrlTarget {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new Error(`--url ${text} is no http or https address; give one such as http://127.0.0.1:8080`)
  const base = `${url.origin}${url.pathname.replace(/\/(listener\/[^/]+\/?)?$/, '')}`
  return {
    kind: 'url',
    listener: (event) => Promise.resolve({ url: `${base}/listener/${event}` }),
    close: () => Promise.resolve(),
  }
}
