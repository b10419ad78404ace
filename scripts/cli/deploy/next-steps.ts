import pc from 'picocolors'

import type { Job } from '../../../crds/job.ts'
import type { Kube } from '../../../knative/kube/client.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'
import type { KubeObject } from '../../../knative/kube/object.ts'
import { curlLine, exampleOf, quoted } from '../../dev/sample-data/example.ts'
import type { ClusterEvent, ClusterJob } from '../../job-files/cluster-files.ts'

/** A Job that serves, as it was deployed. */
export interface ServedJob {
  readonly job: ClusterJob
  readonly live: Job
  /** The context that was named, if one was. */
  readonly context: string | undefined
}

/** Lines with the address of each event of a Job, and how to send to it from outside and from here. */
export async function nextSteps(kube: Kube, { job, live, context }: ServedJob): Promise<readonly string[]> {
  const lines = await Promise.all(
    job.events.map(async (event) => {
      const url = live.status?.events?.find(({ name }) => name === event.name)?.url ?? ''
      const { data, valid } = await exampleOf(job.file, await schemaOf(kube, job, event))
      const hint = valid ? '' : pc.dim('  (put in data that the schema accepts)')
      const tokens = tokensCommand(job, event)
      const send = [
        ...['jobico send', event.name, '-n', job.namespace],
        ...(context === undefined ? [] : ['--context', quoted(context)]),
        ...(tokens === undefined ? [] : ['--token', `"$(${tokens} | head -n 1)"`]),
        ...['--data', quoted(JSON.stringify(data)), '--wait'],
      ]
      return [
        `${pc.bold(event.name)}  ${url}${hint}`,
        `  ${curlLine(url, data, tokens)}`,
        `  ${send.join(' ')}`,
      ]
    }),
  )
  return lines.flat()
}

function tokensCommand({ namespace }: ClusterJob, { tokens }: ClusterEvent): string | undefined {
  if (tokens === undefined) return undefined
  const { name, key } = tokens
  return `kubectl get secret ${name} -n ${namespace} -o go-template='{{index .data "${key}" | base64decode}}'`
}

/** The schema of an event as JSON, from the cluster where the files lack it; anything goes where it can't be had. */
async function schemaOf(kube: Kube, { namespace }: ClusterJob, event: ClusterEvent): Promise<unknown> {
  if (event.schema !== undefined) return event.schema.json
  const { name, keys } = event.schemaPlace
  try {
    const found = await kube.get<KubeObject & { data?: Record<string, string> }>(KINDS.configMap, {
      namespace,
      name,
    })
    const text = keys.map((key) => found?.data?.[key]).find((each) => each !== undefined)
    return text === undefined ? true : JSON.parse(text)
  } catch {
    return true
  }
}
