import type { JobRef } from '../../functions/shared/names.ts'
import { jobDetails, jobTable, viewOf, type JobView } from './job-view.ts'
import { unknownName } from './names.ts'
import { print, type Format } from './output.ts'
import { atCluster, atPlatform, type ClusterOptions, type DevTarget, type Platform } from './target/target.ts'

/** The options of `jobico status`. */
export interface StatusOptions extends ClusterOptions {
  readonly allNamespaces?: boolean
  readonly output: Format
}

/** Prints the state of all Jobs, or of one with its conditions and events. Throws an Error when there is no such Job. */
export async function status(
  job: string | undefined,
  { allNamespaces = false, output, ...where }: StatusOptions,
): Promise<void> {
  const views = allNamespaces
    ? await atCluster(where, async ({ kube }) => {
        const { listJobs } = await import('./target/jobs.ts')
        return (await listJobs(kube)).map(viewOf)
      })
    : await atPlatform(where, (platform) => viewsOf(platform, job))
  const shown = job === undefined ? views : views.filter((view) => view.job === job)
  const now = Date.now()
  if (output === 'json') print(JSON.stringify(job === undefined ? shown : shown[0]))
  else if (job !== undefined) for (const view of shown) jobDetails(view, now).forEach(print)
  else if (shown.length > 0) jobTable(shown, now, allNamespaces).forEach(print)
  else process.stderr.write('there are no Jobs; bring one there with: jobico deploy\n')
}

async function viewsOf(platform: Platform, job: string | undefined): Promise<readonly JobView[]> {
  const views = platform.kind === 'dev' ? await devViews(platform) : (await platform.jobs()).map(viewOf)
  if (job === undefined || views.some((view) => view.job === job)) return views
  const known = views.map((view) => view.job)
  throw new Error(unknownName({ what: 'Job', name: job, known, place: platform.place }))
}

/** What `jobico dev` serves, with what NATS holds of it. */
async function devViews(dev: DevTarget): Promise<readonly JobView[]> {
  const { readBacklog } = await import('../../functions/shared/backlog.ts')
  const connection = await dev.nats()
  const byJob = Map.groupBy(dev.served, ({ namespace, job }) => `${namespace}/${job}`)
  return await Promise.all(
    [...byJob.values()].map(async (events): Promise<JobView> => {
      const { namespace, job } = events[0] as JobRef
      const backlog = await readBacklog(connection, { namespace, job })
      const { pending = 0, dead = 0 } = backlog ?? {}
      return {
        ...{ namespace, job, pending, dead },
        ...{ ready: 'True', reason: 'Ready', eventsReady: `${events.length}/${events.length}` },
        conditions: [],
        events: events.map(({ event, url }) => ({
          ...{ name: event, url, ready: true, reason: 'Ready' },
          ...{ pending: 0, dead: 0, ...backlog?.events.get(event) },
        })),
      }
    }),
  )
}
