import type { NatsConnection } from '@nats-io/transport-node'

import type { EventRef, JobRef } from '../../../functions/queues/names.ts'
import { findInstance, type InstanceEvent } from '../../dev/instance.ts'
import { tell } from '../terminal/output.ts'
import type { Address } from './address.ts'
import type { ClusterTarget } from './cluster.ts'
import { devTarget } from './dev.ts'

/** The options that choose a namespace of a cluster, as for kubectl. */
export interface ClusterOptions {
  readonly namespace?: string
  readonly context?: string
}

/** The options of the commands that send requests to listeners. */
export interface TargetOptions extends ClusterOptions {
  readonly url?: string
  readonly token?: string
}

/** A listener at a URL; nothing else is known of its platform. */
export interface UrlTarget {
  readonly kind: 'url'
  listener(event: string): Promise<Address>
  close(): Promise<void>
}

/** What a `jobico dev` and a namespace of a cluster have in common. */
export interface PlatformSides {
  /** Its name, for people. */
  readonly place: string
  /** The address of an event's listener. If there is none, throws an Error that names the fix. */
  listener(event: string): Promise<Address>
  /**
   * The connection to NATS for a namespace, by default that of the platform; all calls share it. If NATS does not answer or does
   * not let the user in, throws an Error that names the fix.
   */
  nats(namespace?: string): Promise<NatsConnection>
  /** Whether a Job that NATS has a queue of belongs to this platform. */
  holds(ref: JobRef): boolean
  /** The events that all Jobs of this platform declare. */
  events(): Promise<readonly EventRef[]>
  close(): Promise<void>
}

/** A `jobico dev` that runs on this machine. */
export interface DevTarget extends PlatformSides {
  readonly kind: 'dev'
  readonly served: readonly InstanceEvent[]
}

/** A place that runs Jobs. */
export type Platform = DevTarget | ClusterTarget

/** A place to which events are sent, and which knows their state. */
export type Target = UrlTarget | Platform

/** Calls `use` with the target that the options name, and closes it afterwards. Names a platform on standard error. */
export async function atTarget<T>(options: TargetOptions, use: (target: Target) => Promise<T>): Promise<T> {
  const { url } = options
  return url === undefined ? await atPlatform(options, use) : await using(urlTarget(url), use)
}

/**
 * Calls `use` with the cluster that the options name. If they name none, takes the `jobico dev` that runs in this folder or
 * above it, and without one the current cluster.
 */
export async function atPlatform<T>(
  options: ClusterOptions,
  use: (platform: Platform) => Promise<T>,
): Promise<T> {
  return await using(await findPlatform(options), use)
}

async function findPlatform(options: ClusterOptions): Promise<Platform> {
  const namesCluster = options.namespace !== undefined || options.context !== undefined
  const found = namesCluster
    ? undefined
    : await findInstance(process.cwd(), { environment: process.env, warn: tell })
  const platform = found === undefined ? await openCluster(options, !namesCluster) : devTarget(found)
  tell(`using ${platform.place}`)
  return platform
}

/** Calls `use` with a cluster, even if a `jobico dev` runs here; `scope` says for people which part of the cluster is used. */
export async function atCluster<T>(
  options: ClusterOptions,
  use: (cluster: ClusterTarget) => Promise<T>,
  scope = ({ place }: ClusterTarget) => place,
): Promise<T> {
  const cluster = await openCluster(options, false)
  tell(`using ${scope(cluster)}`)
  return await using(cluster, use)
}

/** Loads the Kubernetes client only when a command needs it, because it is large. */
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
