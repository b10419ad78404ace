import type { JobEvent } from '../../crds/job.ts'
import { parseQuantity } from '../../crds/quantity.ts'
import { checkModuleInThread } from '../../functions/guests/check/check-in-thread.ts'
import { digestOf } from '../../functions/modules/digest.ts'
import { JobicoError, messageOf } from '../../functions/process/errors.ts'
import { createSerialQueue } from '../../functions/process/serial-queue.ts'
import { openModuleStore, type ModuleStore } from '../../functions/modules/module-store.ts'
import type { Kube } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { LABELS } from '../../knative/resources/labels.ts'
import type { ServedModule } from '../../knative/resources/plan.ts'
import { configMapMemo, type ConfigMap } from '../watch/config-map-memo.ts'
import { keepServing, unsure, wrong, type Fault, type Resolved } from '../faults/fault.ts'
import { answerOrFault } from '../faults/nats-fault.ts'
import type { NatsLink } from '../nats-link.ts'
import type { LiveJob, Cluster } from '../watch/cluster-state.ts'

/** Finds, checks and stores the modules of events. */
export interface Modules {
  /** The module that the runner of an event is to use. `earlier` is the one that serves now. Throws KubeError. */
  resolve(job: LiveJob, event: JobEvent, earlier: ServedModule | undefined): Promise<Resolved<ServedModule>>
  forget(configMap: KubeObject): void
}

/** What is needed to find, check and store modules. */
export interface ModulesOptions {
  readonly kube: Kube
  readonly cluster: Pick<Cluster, 'configMaps'>
  readonly nats: NatsLink
  /** Replicas of a module store that is created. */
  readonly replicas: number
}

/** A module that was found in a ConfigMap or, under the name of its file, in the module store. */
interface FoundModule {
  readonly digest: string
  readonly read: () => Promise<Uint8Array | undefined>
}

/** The result of a check: whether a valid module emits, or what is wrong with an invalid one. */
type Checked = { readonly emits: boolean } | { readonly fault: string }

const MAX_KNOWN_CHECKS = 10_000

/** Finds modules in ConfigMaps, then in the module stores of NATS. A valid module is stored under its digest. */
export function createModules({ kube, cluster, nats, replicas }: ModulesOptions): Modules {
  const digests = configMapMemo(kube, digestsOf)
  const checked = new Map<string, Checked>()
  const inTurn = createSerialQueue() // one at a time, as each module may have 64 MiB

  const inConfigMaps = async (namespace: string, wasm: string): Promise<FoundModule | Fault | undefined> => {
    const labelled = cluster.configMaps
      .list(namespace)
      .filter(({ metadata }) => metadata.labels?.[LABELS.modules] === 'true')
    const read = await Promise.all(
      labelled.map(async (metadata) => ({ metadata, digest: (await digests.read(metadata))?.get(wasm) })),
    )
    const found = read.flatMap(({ metadata, digest }) => (digest === undefined ? [] : [{ metadata, digest }]))
    const [first, second] = found.sort((a, b) => (nameOf(a.metadata) < nameOf(b.metadata) ? -1 : 1))
    if (first === undefined) return undefined
    if (second !== undefined)
      return wrong(
        'ModuleAmbiguous',
        `the module ${wasm} is in the ConfigMaps ${nameOf(first.metadata)} and ${nameOf(second.metadata)}; take it out of one of them`,
      )
    return { digest: first.digest, read: () => readConfigMap(kube, first.metadata, wasm) }
  }
  const inStore = async (store: ModuleStore, wasm: string): Promise<FoundModule | Fault> => {
    const stored = await store.find(wasm)
    if (stored !== undefined) return { digest: stored.digest, read: () => store.read(wasm) }
    return wrong(
      'ModuleNotFound',
      `the module ${wasm} was not found; push it with jobico push ${wasm}, or put it into the binaryData of a ConfigMap labelled ${LABELS.modules}=true`,
    )
  }
  const check = async (module: FoundModule, { wasm, memory }: JobEvent): Promise<ServedModule | Fault> => {
    // The name is part of the key because it is part of the fault's message.
    const key = `${module.digest} ${memory} ${wasm}`
    let known = checked.get(key)
    if (known === undefined) {
      const found = await inTurn(async () => {
        const bytes = await module.read()
        return bytes && (await checkOf(bytes, wasm, parseQuantity(memory)))
      })
      if (found === undefined) return wrong('ModuleNotFound', `the module ${wasm} was removed just now`)
      if ('reason' in found) return found // not cached: a busy machine may have been the cause
      if (checked.size >= MAX_KNOWN_CHECKS) checked.clear()
      checked.set(key, found)
      known = found
    }
    return 'fault' in known ? wrong('ModuleInvalid', known.fault) : { ...known, digest: module.digest }
  }
  const store = async (namespace: string, module: FoundModule): Promise<void> => {
    const opened = await openModuleStore(nats.use(), namespace)
    if ((await opened.find(module.digest)) !== undefined) return
    await inTurn(async () => {
      const bytes = await module.read()
      if (bytes === undefined) return
      const writable = await openModuleStore(nats.use(), namespace, { create: { replicas } })
      await writable.put(module.digest, bytes)
    })
  }
  const resolve = async (job: LiveJob, event: JobEvent): Promise<ServedModule | Fault> => {
    const namespace = job.metadata.namespace ?? ''
    const module =
      (await inConfigMaps(namespace, event.wasm)) ??
      (await inStore(await openModuleStore(nats.use(), namespace), event.wasm))
    if ('reason' in module) return module
    const served = await check(module, event)
    if ('digest' in served) await store(namespace, module)
    return served
  }
  return {
    forget: digests.forget,
    async resolve(job, event, earlier) {
      const result = await answerOrFault(() => resolve(job, event))
      const found = 'fault' in result ? { ...result.fault, status: 'Unknown' as const } : result.answer
      return 'digest' in found ? { serves: found, fault: undefined } : keepServing(found, earlier)
    },
  }
}

async function checkOf(bytes: Uint8Array, name: string, memoryBytes: number): Promise<Checked | Fault> {
  try {
    const { emits } = await checkModuleInThread(bytes, { name, memoryBytes })
    return { emits }
  } catch (thrown) {
    const isUnchecked = thrown instanceof JobicoError && thrown.code === 'MODULE_UNCHECKED'
    return isUnchecked ? unsure('ModuleUnchecked', messageOf(thrown)) : { fault: messageOf(thrown) }
  }
}

async function readConfigMap(kube: Kube, { metadata }: KubeObject, wasm: string) {
  const { namespace = '', name } = metadata
  const configMap = await kube.get<ConfigMap>(KINDS.configMap, { namespace, name })
  return configMap && filesOf(configMap).get(wasm)
}

/** The files of a ConfigMap, also those under `data`: a text put there as a module gets a fault that says so. */
function filesOf({ data = {}, binaryData = {} }: ConfigMap): ReadonlyMap<string, Uint8Array> {
  return new Map([
    ...Object.entries(data).map(([name, text]): [string, Uint8Array] => [name, Buffer.from(text)]),
    ...Object.entries(binaryData).map(([name, text]): [string, Uint8Array] => [
      name,
      Buffer.from(text, 'base64'),
    ]),
  ])
}

function digestsOf(configMap: ConfigMap): ReadonlyMap<string, string> {
  return new Map([...filesOf(configMap)].map(([name, bytes]) => [name, digestOf(bytes)]))
}

function nameOf({ metadata }: KubeObject): string {
  return metadata.name
}
