import type { Backlog } from '../../../functions/queues/backlog.ts'
import type { JobRef } from '../../../functions/queues/names.ts'
import { fullRoom } from '../../../functions/queues/full-room.ts'
import { usageText, type StorageReport } from '../../../functions/storage/report.ts'
import { jobDetails, jobTable, viewOf, type JobView } from './job-view.ts'
import { lowStorage } from '../target/storage.ts'
import { unknownName } from '../target/unknown-name.ts'
import { type Format, print, tell } from '../terminal/output.ts'
import type { ClusterTarget } from '../target/cluster.ts'
import {
  atCluster,
  atPlatform,
  type ClusterOptions,
  type DevTarget,
  type Platform,
} from '../target/target.ts'

/** The options of `jobico status`. */
export interface StatusOptions extends ClusterOptions {
  readonly allNamespaces?: boolean
  readonly output: Format
}

/** Prints all Jobs, or one with its conditions and events. Throws an Error if there is no such Job. */
export async function status(job: string | undefined, options: StatusOptions): Promise<void> {
  const { allNamespaces = false, output } = options
  if (job !== undefined && allNamespaces)
    throw new Error(`several namespaces may have a Job ${job}; name one with -n instead of -A`)
  if (job === undefined) {
    const views = allNamespaces ? await allViews(options) : await atPlatform(options, viewsOf)
    if (output === 'json') print(JSON.stringify(views), 'json')
    else if (views.length > 0)
      jobTable(views, Date.now(), allNamespaces).forEach((line) => {
        print(line)
      })
    else tell('there are no Jobs; deploy one with: jobico deploy')
    return
  }
  const view = await atPlatform(options, (platform) => viewOfJob(platform, job))
  if (output === 'json') print(JSON.stringify(view), 'json')
  else
    jobDetails(view, Date.now()).forEach((line) => {
      print(line)
    })
}

async function allViews(options: ClusterOptions): Promise<readonly JobView[]> {
  const { listJobs } = await import('../target/jobs.ts')
  const views = async ({ kube }: ClusterTarget) => (await listJobs(kube)).map(viewOf)
  return await atCluster(options, views, ({ kube }) => `all namespaces of ${kube.place}`)
}

async function viewOfJob(platform: Platform, job: string): Promise<JobView> {
  const views = await viewsOf(platform)
  const view = views.find((each) => each.job === job)
  if (view !== undefined) return view
  const known = views.map((each) => each.job)
  throw new Error(unknownName({ what: 'Job', name: job, known, place: platform.place }))
}

async function viewsOf(platform: Platform): Promise<readonly JobView[]> {
  return platform.kind === 'dev' ? await devViews(platform) : (await platform.jobs()).map(viewOf)
}

const READY = { ready: 'True', reason: 'Ready' } as const

/** The condition QueueReady of a Job for whose events there is no room. */
function noRoom(
  low: StorageReport | undefined,
  backlog: Backlog | undefined,
): JobView['conditions'][number] | undefined {
  const lack = low === undefined ? backlog && fullRoom(backlog) : lackOfStorage(low)
  return lack && { type: 'QueueReady', status: 'False', ...lack }
}

function lackOfStorage({ usage }: StorageReport) {
  const message = `the disk is used up to ${usageText(usage)}; new events are refused until it has more room`
  return { reason: 'StorageLow', message }
}

/** The Jobs that `jobico dev` serves, with their counts from NATS. */
async function devViews(dev: DevTarget): Promise<readonly JobView[]> {
  const { readBacklog } = await import('../../../functions/queues/backlog.ts')
  const connection = await dev.nats()
  const low = await lowStorage(connection)
  const byJob = Map.groupBy(dev.served, ({ namespace, job }) => `${namespace}/${job}`)
  return await Promise.all(
    [...byJob.values()].map(async (events): Promise<JobView> => {
      const { namespace, job } = events[0] as JobRef
      const backlog = await readBacklog(connection, { namespace, job })
      const { pending = 0, dead = 0, created } = backlog ?? {}
      const fault = noRoom(low, backlog)
      return {
        ...{ namespace, job, pending, dead },
        ...(created === undefined ? {} : { created }),
        ...(fault === undefined ? READY : { ready: 'False', reason: fault.reason }),
        eventsReady: `${events.length}/${events.length}`,
        conditions: fault === undefined ? [] : [fault],
        events: events.map(({ event, url, module }) => ({
          ...{ name: event, url, module, ready: true, reason: 'Ready' },
          ...{ pending: 0, dead: 0, ...backlog?.events.get(event) },
        })),
      }
    }),
  )
}
