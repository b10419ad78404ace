import type { JobEvent, JobSinkRef } from '../../crds/job.ts'
import type { NeverSinks } from '../../functions/process/never-sinks.ts'
import { KubeError, type Kube } from '../../knative/kube/client.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import type { ResolvedOutput, SchemaCopy } from '../../knative/resources/plan.ts'
import { unsure, wrong, type Fault, type Resolved } from '../faults/fault.ts'
import { refusedSink, type Reach } from './reach.ts'

/** Where the results of an event go, undefined for nowhere; or why that is not known. */
export type OutputResolution = { readonly output: ResolvedOutput | undefined } | { readonly fault: Fault }

interface Addressable extends KubeObject {
  readonly status?: { readonly address?: { readonly url?: string } }
}

/** Resolves outputs. The address of a sink is cached for a minute. */
export interface Outputs {
  /** Finds where the results of an event go; `schemas` are those of all events of its Job, by name. Throws KubeError. */
  resolve(
    namespace: string,
    event: JobEvent,
    schemas: ReadonlyMap<string, Resolved<SchemaCopy>>,
  ): Promise<OutputResolution>
}

const CACHE_MS = 60_000
const MAX_CACHED = 10_000

/** Which sinks may be used. */
export interface SinkRules {
  /** What the Jobs of a namespace may reach. */
  readonly reach: (namespace: string) => Reach
  readonly never: NeverSinks
}

/** Makes a resolver that looks up sinks in the cluster. */
export function createOutputs(kube: Kube, { reach, never }: SinkRules): Outputs {
  const cached = new Map<string, { readonly address: string; readonly until: number }>()

  const addressFor = async (namespace: string, ref: JobSinkRef): Promise<string | Fault> => {
    const key = [namespace, ref.apiVersion, ref.kind, ref.name].join(' ')
    const known = cached.get(key)
    if (known !== undefined && known.until > performance.now()) return known.address
    const address = await addressOf(kube, namespace, ref)
    if (cached.size >= MAX_CACHED) cached.clear()
    if (typeof address === 'string') cached.set(key, { address, until: performance.now() + CACHE_MS })
    return address
  }
  return {
    async resolve(namespace, { output }, schemas) {
      if (output === undefined) return { output }
      const { event, sink } = output
      if (event !== undefined) return outputEvent(event, schemas.get(event)?.serves)
      const address = sink?.ref === undefined ? (sink?.uri ?? '') : await addressFor(namespace, sink.ref)
      if (typeof address !== 'string') return { fault: address }
      const fault = refusedSink(address, reach(namespace), never)
      return fault === undefined ? { output: { sink: address } } : { fault }
    },
  }
}

function outputEvent(event: string, schema: SchemaCopy | undefined): OutputResolution {
  if (schema !== undefined) return { output: { event, schema } }
  return { fault: wrong('OutputMissing', `its output, the event ${event}, is not served; mend that event`) }
}

async function addressOf(kube: Kube, namespace: string, ref: JobSinkRef): Promise<string | Fault> {
  const { apiVersion, kind, name } = ref
  try {
    const found = await kube.findKind(apiVersion, kind)
    const object = found && (await kube.get<Addressable>(found, { namespace, name }))
    return object === undefined ? missing(ref) : addressIn(object, namespace, ref)
  } catch (thrown) {
    if (!(thrown instanceof KubeError) || thrown.status !== 403) throw thrown
    return wrong(
      'SinkForbidden',
      `the operator may not read the ${kind} ${name}: ${thrown.message}; give it a ClusterRole labelled duck.knative.dev/addressable=true, or name the sink by uri`,
    )
  }
}

function addressIn(object: Addressable, namespace: string, { apiVersion, kind, name }: JobSinkRef) {
  if (apiVersion === 'v1' && kind === 'Service') return `http://${name}.${namespace}.svc.cluster.local`
  const waiting = `the ${kind} ${name} has no address yet (status.address.url); see why it is not ready`
  return object.status?.address?.url ?? unsure('SinkNotReady', waiting)
}

function missing({ apiVersion, kind, name }: JobSinkRef): Fault {
  return wrong(
    'SinkMissing',
    `there is no ${kind} ${name} of ${apiVersion} in this namespace to send results to; make it, or correct output.sink.ref`,
  )
}
