import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { jetstreamManager } from '@nats-io/jetstream'
import type { Test } from 'tap'

import { accountOf, credentials } from '../../functions/identity/issue.ts'
import type { IdentityServer } from '../../functions/identity/server.fixture.ts'
import { createRequests } from '../../functions/jetstream/requests.ts'
import { openModuleStore } from '../../functions/modules/module-store.ts'
import { ensureQueues } from '../../functions/queues/lifecycle.ts'
import type { EventRef } from '../../functions/queues/names.ts'
import type { ChildSpec, Component } from '../dev/desired-processes.ts'
import type { Store } from '../faults/ledger/stream-contents.ts'
import { openChild, type Child } from '../faults/system/child.fixture.ts'
import { eventually } from '../testing/eventually.fixture.ts'

/** An event of a tenant: its schema, and where its module may hand data to. */
export interface TenantEvent {
  readonly name: string
  readonly schema?: object
  readonly emits?: readonly string[]
}

/** What a tenant runs. */
export interface TenantOptions {
  readonly namespace: string
  readonly events: readonly TenantEvent[]
  readonly maxBytes: number
  /** The file of the module of all its events. */
  readonly module: string
  readonly folder: string
  /** Called with each of its processes, right after its start. */
  readonly onLaunch: (component: Component, pid: number | undefined) => void
}

/** A namespace with one Job, whose processes have the credentials of that namespace only. */
export interface Tenant {
  /** With all rights in its account, which only tests use. */
  readonly store: Store
  /** A file with the credentials of the CLI. */
  readonly cliCredentials: string
  ref(event: string): EventRef
  /** The port of the listener of an event. */
  port(event: string): number
  /** How its processes have ended, if any has. */
  readonly notes: readonly string[]
}

const JOB = 'orders'

/** Starts a tenant; resolves when all its processes serve. They end with the test. */
export async function startTenant(
  t: Test,
  { keys, server, as }: IdentityServer,
  { namespace, events, maxBytes, module, folder, onLaunch }: TenantOptions,
): Promise<Tenant> {
  const account = accountOf(namespace)
  const owner = await as(account, 'operator')
  const requests = createRequests(owner)
  t.teardown(() => requests.close())
  await ensureQueues(owner, {
    ref: { namespace, job: JOB },
    queue: { storage: 'File', maxBytes, duplicateWindowSeconds: 120, replicas: 1 },
    events: events.map(({ name }) => name),
    metadata: {},
  })
  await openModuleStore(owner, namespace, { create: {} })
  const place = async (name: string, text: string) => {
    const path = join(folder, `${namespace}-${name}`)
    await writeFile(path, text, { mode: 0o600 })
    return path
  }
  const schemas = new Map<string, string>()
  for (const { name, schema = {} } of events)
    schemas.set(name, await place(`${name}.json`, JSON.stringify(schema)))
  const specOf = async (component: Component, { name, emits = [] }: TenantEvent): Promise<ChildSpec> => {
    const creds = await place(`${component}.creds`, credentials(keys, account, component))
    const mayEmit = Object.fromEntries(emits.map((event) => [event, schemas.get(event) ?? null]))
    const environment = {
      ...{ NATS_URL: server.url, NATS_CREDS_FILE: creds, METRICS_PORT: '0', LOG_LEVEL: 'info' },
      ...{ JOBICO_NAMESPACE: namespace, JOBICO_JOB: JOB, JOBICO_EVENT: name },
      ...(component === 'listener'
        ? {
            HOST: '127.0.0.1',
            PORT: '0',
            JOBICO_SCHEMA: schemas.get(name) ?? '',
            JOBICO_EXPOSE_RESULTS: 'true',
            JOBICO_MAX_IN_FLIGHT: '100',
          }
        : { JOBICO_MODULE: module, JOBICO_TIMEOUT_MS: '5000', JOBICO_EMIT: JSON.stringify(mayEmit) }),
    }
    return { id: `${namespace}/${component}/${name}`, component, event: name, environment }
  }
  const notes: string[] = []
  const children: Child[] = []
  for (const event of events)
    for (const component of ['listener', 'runner'] as const)
      children.push(
        openChild(await specOf(component, event), { notes, onLaunch: (pid) => onLaunch(component, pid) }),
      )
  t.teardown(() => Promise.all(children.map((child) => child.stop())))
  await Promise.all(children.map((child) => child.serves()))
  const ports = new Map<string, number>()
  for (const { spec, port } of children)
    if (spec.component === 'listener')
      ports.set(spec.event, await eventually('it listens', () => Promise.resolve(port())))
  return {
    store: { requests, manager: await jetstreamManager(owner) },
    cliCredentials: await place('cli.creds', credentials(keys, account, 'cli')),
    ref: (event) => ({ namespace, job: JOB, event }),
    port: (event) => ports.get(event) ?? 0,
    notes,
  }
}
