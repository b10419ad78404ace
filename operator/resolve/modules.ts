import type { JobEvent } from '../../crds/job.ts'
import { parseQuantity } from '../../crds/quantity.ts'
import { digestOf } from '../../functions/modules/digest.ts'
import { MODULE_BYTES, sizeFault } from '../../functions/modules/module-size.ts'
import { openModuleStore } from '../../functions/modules/module-store.ts'
import type { Kube } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { LABELS } from '../../knative/resources/labels.ts'
import type { ServedModule } from '../../knative/resources/plan.ts'
import type { CheckFailure } from '../checks/check-process.ts'
import type { CheckAnswer } from '../checks/check-request.ts'
import { isLarge } from '../checks/checker.ts'
import type { Checks } from '../checks/checks.ts'
import { createVerdicts, type Verdict } from '../checks/verdicts.ts'
import { keepServing, unsure, wrong, type Fault, type Resolved } from '../faults/fault.ts'
import { answerOrFault } from '../faults/nats-fault.ts'
import type { LeaderNats } from '../nats/leader-nats.ts'
import { configMapMemo, type ConfigMap } from '../watch/config-map-memo.ts'
import { keyOf, type LiveJob, type Cluster } from '../watch/cluster-state.ts'
import { leftOut, mayHoldModules, type Reach } from './reach.ts'

/** Finds, checks and stores the modules of events. */
export interface Modules {
  /** The module that the runner of an event is to use. `earlier` is the one that serves now. Throws KubeError. */
  resolve(job: LiveJob, event: JobEvent, earlier: ServedModule | undefined): Promise<Resolved<ServedModule>>
  forget(configMap: KubeObject): void
}

/** What is needed to find, check and store modules. */
export interface ModulesOptions {
  readonly kube: Pick<Kube, 'get'>
  readonly cluster: {
    readonly [kind in 'configMaps' | 'jobs']: Pick<Cluster[kind], 'list'>
  }
  readonly nats: Pick<LeaderNats, 'open'>
  readonly checks: Checks
  /** What the Jobs of a namespace may reach. */
  readonly reach: (namespace: string) => Reach
  /** Replicas of a module store that is created. */
  readonly replicas: number
}

/** A module that was found in a ConfigMap or, under the name of its file, in the module store. */
interface FoundModule {
  readonly digest: string
  readonly size: number
  readonly read: () => Promise<Uint8Array | undefined>
}

/** What is kept of a module in a ConfigMap. */
type Measured = Pick<FoundModule, 'digest' | 'size'>

/** Finds modules in ConfigMaps, then in the module stores of NATS. A valid module is stored under its digest. */
export function createModules(options: ModulesOptions): Modules {
  const { kube, cluster, nats, checks, reach, replicas } = options
  const memo = configMapMemo(kube, checks.inTurn, measure)
  const verdicts = createVerdicts<CheckAnswer>(checks)

  const labelled = (namespace: string) =>
    cluster.configMaps.list(namespace).filter(({ metadata }) => metadata.labels?.[LABELS.modules] === 'true')

  const inConfigMaps = async (namespace: string, wasm: string): Promise<FoundModule | Fault | undefined> => {
    const names = wasmNames(cluster.jobs.list(namespace), wasm)
    const found: (Measured & { readonly metadata: KubeObject })[] = []
    // One after another, as each may have 1 MiB.
    for (const metadata of labelled(namespace)) {
      if (!mayHoldModules(nameOf(metadata), reach(namespace))) continue
      const measured = (await memo.read(metadata, names))?.get(wasm)
      if (measured !== undefined) found.push({ ...measured, metadata })
    }
    const [first, second] = found.sort((a, b) => (nameOf(a.metadata) < nameOf(b.metadata) ? -1 : 1))
    if (first === undefined) return undefined
    if (second !== undefined)
      return wrong(
        'ModuleAmbiguous',
        `the module ${wasm} is in the ConfigMaps ${nameOf(first.metadata)} and ${nameOf(second.metadata)}; take it out of one of them`,
      )
    return { ...first, read: () => readConfigMap(kube, first.metadata, wasm) }
  }
  const inStore = async (namespace: string, wasm: string): Promise<FoundModule | Fault> => {
    const store = await openModuleStore(await nats.open(namespace), namespace)
    const stored = await store.find(wasm)
    if (stored === undefined) {
      const out = labelled(namespace)
        .map(nameOf)
        .filter((name) => !mayHoldModules(name, reach(namespace)))
      return wrong(
        'ModuleNotFound',
        `the module ${wasm} was not found; push it with jobico push ${wasm}, or put it into the binaryData of a ConfigMap ` +
          `labelled ${LABELS.modules}=true${leftOut(out)}`,
      )
    }
    const { digest, size } = stored
    const fault = sizeFault(wasm, size)
    return fault === undefined
      ? { digest, size, read: () => store.read(wasm) }
      : wrong('ModuleInvalid', fault)
  }
  /** Reads, checks and stores a module; gives undefined if it is another one by now. */
  const checkAndStore = async (
    namespace: string,
    module: FoundModule,
    { wasm, memory }: JobEvent,
  ): Promise<CheckAnswer | CheckFailure | undefined> => {
    const bytes = await module.read()
    if (bytes === undefined || bytes.length > MODULE_BYTES || digestOf(bytes) !== module.digest)
      return undefined
    const request = { kind: 'module', name: wasm, memoryBytes: parseQuantity(memory) } as const
    const answer = await checks.check(namespace, request, bytes)
    if ('emits' in answer) {
      const store = await openModuleStore(await nats.open(namespace), namespace, { create: { replicas } })
      await store.put(module.digest, bytes)
    }
    return answer
  }
  const verdictOn = async (job: LiveJob, event: JobEvent, module: FoundModule) => {
    const { namespace = '', name } = job.metadata
    const ask = (key: string) =>
      verdicts.ask(
        { tenant: namespace, key, large: isLarge(module.size), wake: keyOf(namespace, name) },
        () => checkAndStore(namespace, module, event),
      )
    // The name is part of the key because it is part of the fault's message.
    const key = `${module.digest} ${event.memory} ${event.wasm}`
    const known = await ask(key)
    if (known.kind !== 'known' || 'fault' in known.value) return known
    const store = await openModuleStore(await nats.open(namespace), namespace)
    if ((await store.find(module.digest)) !== undefined) return known
    // Another namespace has asked, or the store has lost it: it is stored now, which takes as long as a check. The verdict
    // that all namespaces share stays: were it forgotten, they could keep each other from ever having one.
    const own = `${namespace} ${key}`
    verdicts.forget(own)
    return await ask(own)
  }
  const resolve = async (
    job: LiveJob,
    event: JobEvent,
    earlier: ServedModule | undefined,
  ): Promise<ServedModule | Fault> => {
    const namespace = job.metadata.namespace ?? ''
    const module = (await inConfigMaps(namespace, event.wasm)) ?? (await inStore(namespace, event.wasm))
    if ('reason' in module) return module
    const verdict = await verdictOn(job, event, module)
    if (verdict.kind === 'known' && !('fault' in verdict.value))
      return { digest: module.digest, emits: verdict.value.emits }
    // This very module serves already, and is checked again because this process is new.
    if (verdict.kind === 'pending' && earlier?.digest === module.digest) return earlier
    return faultOf(verdict, event.wasm)
  }
  return {
    forget: memo.forget,
    async resolve(job, event, earlier) {
      const result = await answerOrFault(() => resolve(job, event, earlier))
      const found = 'fault' in result ? { ...result.fault, status: 'Unknown' as const } : result.answer
      return 'digest' in found ? { serves: found, fault: undefined } : keepServing(found, earlier)
    },
  }
}

function faultOf(verdict: Verdict<CheckAnswer>, wasm: string): Fault {
  if (verdict.kind === 'known')
    return wrong('ModuleInvalid', 'fault' in verdict.value ? verdict.value.fault : `${wasm} is not valid`)
  if (verdict.kind === 'pending') return unsure('ModuleUnchecked', `the module ${wasm} is being checked`)
  const { failure, again } = verdict
  const later = `it is tried again after ${again.toISOString()}`
  if (failure.failed === 'memory')
    return wrong('ModuleInvalid', `${wasm} takes too much memory to check; make it smaller (${later})`)
  const why =
    failure.failed === 'late'
      ? 'was not checked in time'
      : 'could not be checked: the process that checked it ended'
  return unsure('ModuleUnchecked', `${wasm} ${why}; ${later}; if that does not help, make it smaller`)
}

async function readConfigMap(kube: ModulesOptions['kube'], { metadata }: KubeObject, wasm: string) {
  const { namespace = '', name } = metadata
  const configMap = await kube.get<ConfigMap>(KINDS.configMap, { namespace, name })
  return configMap && fileIn(configMap, wasm)
}

/** A file of a ConfigMap, also one under `data`: a text put there as a module gets a fault that says so. */
function fileIn({ data = {}, binaryData = {} }: ConfigMap, name: string): Uint8Array | undefined {
  const [binary, text] = [binaryData, data].map((entries) =>
    Object.hasOwn(entries, name) ? entries[name] : undefined,
  )
  if (binary !== undefined) return Buffer.from(binary, 'base64')
  return text === undefined ? undefined : Buffer.from(text)
}

function measure(configMap: ConfigMap, wasm: string): Measured | undefined {
  const bytes = fileIn(configMap, wasm)
  return bytes && { digest: digestOf(bytes), size: bytes.length }
}

/** The names of all modules of these Jobs, so that a ConfigMap is read once for all of them. */
function wasmNames(jobs: readonly LiveJob[], wasm: string): readonly string[] {
  return [...new Set([wasm, ...jobs.flatMap(({ spec }) => spec.events.map((event) => event.wasm))])]
}

function nameOf({ metadata }: KubeObject): string {
  return metadata.name
}
