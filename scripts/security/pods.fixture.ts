import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { parseAllDocuments } from 'yaml'

import { parseQuantity } from '../../crds/quantity.ts'
import type { Container, PodSpec } from '../../knative/resources/pod.ts'
import { eventOf, jobOf, PLATFORM, SCHEMA } from '../../knative/resources/plans.fixture.ts'
import { runnerOf } from '../../knative/resources/runner.fixture.ts'
import { listenerService } from '../../knative/resources/service.ts'
import type { Share } from '../testing/cgroup.fixture.ts'

/** What each pod of an installation may take, as its manifests say. */
export interface PodShares {
  readonly listener: Share
  readonly runner: Share
  readonly nats: Share
}

const NATS_FILE = join(import.meta.dirname, '..', '..', 'knative', 'install', 'base', 'nats.yaml')

/** Reads them, for an event with the default settings. */
export function podShares(): PodShares {
  const event = eventOf()
  const listener = listenerService({ job: jobOf(event), event, schema: SCHEMA }, PLATFORM)
  return {
    listener: shareOf(listener.spec.template?.spec as PodSpec),
    runner: shareOf(runnerOf(event).spec.template.spec),
    nats: shareOf(natsPod()),
  }
}

function natsPod(): PodSpec {
  const objects = parseAllDocuments(readFileSync(NATS_FILE, 'utf8')).map(
    (document) =>
      document.toJS() as { readonly kind?: string; readonly spec?: { readonly template: { spec: PodSpec } } },
  )
  const pod = objects.find(({ kind }) => kind === 'StatefulSet')?.spec?.template.spec
  if (pod === undefined) throw new Error('nats.yaml has no StatefulSet')
  return pod
}

/** The share of the pod's first container, which does the work. */
function shareOf({ containers: [container] }: PodSpec): Share {
  const { requests, limits } = (container as Container).resources ?? {}
  const cpuMillis = Number(/^(\d+)m$/.exec(String(requests?.['cpu']))?.[1])
  const memoryMiB = parseQuantity(String(limits?.['memory'])) / 2 ** 20
  if (Number.isNaN(cpuMillis)) throw new Error('the container requests no thousandths of a processor')
  return { cpuMillis, memoryMiB }
}
