import type { JobEvent } from '../../crds/job.ts'
import { runnerDeployment } from './deployment.ts'
import { eventOf, jobOf, MODULE, PLATFORM, SCHEMA } from './plans.fixture.ts'
import type { Container, EnvVar, PodSpec } from './pod.ts'
import type { OtherEvent, ResolvedOutput } from './plan.ts'

/** Variables of a module, one of every kind. */
export const ENV: JobEvent['env'] = [
  { name: 'PRICE', value: '$(PORT) costs $5' },
  { name: 'EMPTY', value: '' },
  { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } },
  { name: 'REGION', valueFrom: { configMapKeyRef: { name: 'site', key: 'region' } } },
]
/** Every kind of output. */
export const OUTPUTS: readonly (ResolvedOutput | undefined)[] = [
  undefined,
  { event: 'ev2', schema: { digest: SCHEMA.digest, configMap: 'listener-ev2-ababababab' } },
  { sink: 'http://sink.example/$(HOME)' },
]

/** Other events of the Job. */
export const OTHERS: readonly OtherEvent[] = [
  { event: 'ev2', schema: { digest: SCHEMA.digest, configMap: 'listener-ev2-ababababab' } },
  { event: 'Ev3', schema: { digest: SCHEMA.digest, configMap: 'listener-ev3-xxxxx-ababababab' } },
  { event: 'ev4', schema: undefined },
]

/** The Deployment of an event. */
export const runnerOf = (event: JobEvent, output?: ResolvedOutput) =>
  runnerDeployment({ job: jobOf(event), event, module: MODULE, output, others: OTHERS }, PLATFORM)
/** The Deployment of an event whose module emits. */
export const emitterOf = (event: JobEvent) => {
  const module = { ...MODULE, emits: true }
  return runnerDeployment({ job: jobOf(event), event, module, output: OUTPUTS[1], others: OTHERS }, PLATFORM)
}
/** The one container of a pod. */
export const containerOf = (pod: PodSpec): Container => {
  const [container, ...others] = pod.containers
  if (container === undefined || others.length > 0) throw new Error('a pod has one container')
  return container
}
/** The environment of that container, by name. */
export const envOf = (pod: PodSpec) =>
  Object.fromEntries(
    (containerOf(pod).env ?? []).map(({ name, ...rest }: EnvVar) => [name, rest.value ?? rest.valueFrom]),
  )

/** An event with other settings of its runner. */
export const runner = (changes: Partial<JobEvent['runner']>, more: Partial<JobEvent> = {}) =>
  eventOf({ runner: { ...eventOf().runner, ...changes }, ...more })
