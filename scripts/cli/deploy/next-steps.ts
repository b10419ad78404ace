import pc from 'picocolors'

import type { Job } from '../../../crds/job.ts'
import type { Kube } from '../../../knative/kube/client.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'
import type { KubeObject } from '../../../knative/kube/object.ts'
import { printableJson } from '../../dev/output/printable.ts'
import { curlLine, exampleOf, quoted } from '../../dev/sample-data/example.ts'
import type { ClusterEvent, ClusterJob } from '../../job-files/cluster-files.ts'

/** A Job that was deployed and serves. */
export interface ServedJob {
  readonly job: ClusterJob
  readonly live: Job
  /** The kubeconfig context that `--context` named. */
  readonly context: string | undefined
}

/** For each event of a Job: its URL, a curl line that sends to it, and a `jobico send` line for this machine. */
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
        ...['--data', quoted(printableJson(JSON.stringify(data))), '--wait'],
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

type Schema = NonNullable<ClusterEvent['schema']>
const ANYTHING: Schema = { text: 'true', json: true }

/** The schema of an event, from the files or else from the cluster; `true`, which accepts anything, if it can't be read. */
async function schemaOf(kube: Kube, { namespace }: ClusterJob, event: ClusterEvent): Promise<Schema> {
  if (event.schema !== undefined) return event.schema
  const { name, keys } = event.schemaPlace
  try {
    const found = await kube.get<KubeObject & { data?: Record<string, string> }>(KINDS.configMap, {
      namespace,
      name,
    })
    const text = keys.map((key) => found?.data?.[key]).find((each) => each !== undefined)
    return text === undefined ? ANYTHING : { text, json: JSON.parse(text) as unknown }
  } catch {
    return ANYTHING
  }
}
