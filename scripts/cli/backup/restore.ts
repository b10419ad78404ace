import { open, type FileHandle } from 'node:fs/promises'

import { checkBackup, type BackupFile } from '../../../functions/backup/backup-file.ts'
import { restore, type RestoreReport } from '../../../functions/backup/restore.ts'
import type { Tally } from '../../../functions/backup/restore-records.ts'
import { formatBytes } from '../../../functions/jetstream/stream-refusal.ts'
import { messageOf } from '../../../functions/process/errors.ts'
import type { JobRef } from '../../../functions/queues/names.ts'
import type { Platform } from '../target/target.ts'
import { print, type Format } from '../terminal/output.ts'
import { stopSignal } from '../terminal/stop-signal.ts'
import { tableLines } from '../terminal/table.ts'
import { atPlace, NATS_LIMIT_MS, type PlaceOptions } from './platform.ts'

/** The options of `jobico restore`. */
export interface RestoreCommandOptions extends PlaceOptions {
  readonly replicas?: number
  readonly dryRun?: boolean
  readonly output: Format
}

/**
 * Checks a backup, stores what is in it, and prints what became of it. Throws an Error if the file is not whole, if its Jobs
 * are not of this place, or if not all was stored.
 */
export async function restoreCommand(
  path: string,
  { replicas, dryRun = false, output, ...options }: RestoreCommandOptions,
): Promise<void> {
  const signal = stopSignal()
  const file = await openBackup(path)
  try {
    const report = await atPlace(options, async (platform, progress) => {
      const size = formatBytes((await file.stat()).size)
      const backup = await checkBackup(file, (bytes) =>
        progress.show(`checking ${path}: ${formatBytes(bytes)} of ${size}`),
      ).catch((fault: unknown) => {
        throw new Error(`can't restore ${path}: ${messageOf(fault)}`, { cause: fault })
      })
      if (options.allNamespaces !== true) checkPlace(platform, backup)
      await checkJobs(platform, backup, options)
      return await restore((namespace) => platform.nats(namespace), {
        ...{ backup, replicas, dryRun, signal, limitMs: NATS_LIMIT_MS },
        onWait: (reason) => progress.show(`waiting: ${reason}`),
        onProgress: ({ messages, total }) => progress.show(`restoring: ${messages} of ${total} messages`),
      }).catch((fault: unknown) => {
        const why = signal.aborted ? 'it was interrupted' : messageOf(fault)
        throw new Error(`not all was restored: ${why}; run the same command again to restore the rest`, {
          cause: fault,
        })
      })
    })
    if (output === 'json') print(JSON.stringify(report), 'json')
    else
      reportLines(report, dryRun).forEach((line) => {
        print(line)
      })
  } finally {
    await file.close()
  }
}

async function openBackup(path: string): Promise<FileHandle> {
  if (path === '-')
    throw new Error(
      'a backup is read more than once, so it can not come from standard input; save it to a file first',
    )
  const file = await open(path).catch((fault: unknown) => {
    throw new Error(
      `can't read the backup: ${messageOf(fault)}; name the file that jobico backup has written`,
      { cause: fault },
    )
  })
  if ((await file.stat()).isFile()) return file
  await file.close()
  throw new Error(`${path} is no file; a backup is read more than once, so save it to a file first`)
}

/** Throws an Error if Jobs of the backup belong to another namespace. */
function checkPlace(platform: Platform, { jobs }: BackupFile): void {
  const foreign = jobs.map(({ head }) => head).filter((head) => !platform.holds(head))
  const [first] = foreign
  if (first === undefined) return
  const namespaces = new Set(foreign.map(({ namespace }) => namespace))
  const fix = namespaces.size === 1 && foreign.length === jobs.length ? `-n ${first.namespace}` : '-A'
  throw new Error(
    `the backup has Jobs of ${[...namespaces].join(', ')}, and this would restore into ${platform.place}; add ${fix}`,
  )
}

/** Throws an Error if Jobs of the backup are not there: nobody would run their events, and the operator deletes such streams. */
async function checkJobs(platform: Platform, { jobs }: BackupFile, options: PlaceOptions): Promise<void> {
  const known = new Set((await declaredJobs(platform, options)).map(nameOf))
  const missing = jobs
    .map(({ head }) => head)
    .filter((head) => !head.closed && !known.has(nameOf(head)))
    .map(({ namespace, job }) => `${job} of the namespace ${namespace}`)
  if (missing.length === 0) return
  const [place, fix] =
    platform.kind === 'dev'
      ? [platform.place, 'start jobico dev with its file']
      : ['the cluster', 'apply it first, with kubectl apply or jobico deploy']
  throw new Error(`${place} has no Job ${missing.join(', nor ')}; ${fix}, and run this again`)
}

async function declaredJobs(
  platform: Platform,
  { allNamespaces = false }: PlaceOptions,
): Promise<readonly JobRef[]> {
  if (platform.kind === 'dev' || !allNamespaces) return await platform.events()
  const { listJobs } = await import('../target/jobs.ts')
  const all = await listJobs(platform.kube)
  return all.map(({ metadata: { namespace = '', name } }) => ({ namespace, job: name }))
}

function nameOf({ namespace, job }: JobRef): string {
  return `${namespace}/${job}`
}

/** The report of a restore, for people. Pure. */
export function reportLines({ jobs, modules }: RestoreReport, dryRun: boolean): readonly string[] {
  const counts = ({ stored, known, expired }: Tally) => [stored, known, expired].map(String)
  const rows = jobs.flatMap(({ namespace, job, queued, records }) => [
    [namespace, job, 'queue', ...counts(queued)],
    [namespace, job, 'records', ...counts(records)],
  ])
  const stored = dryRun ? 'WOULD STORE' : 'STORED'
  const lines = tableLines([['NAMESPACE', 'JOB', 'WHAT', stored, 'KNOWN', 'EXPIRED'], ...rows])
  const { kept } = modules
  lines.push(`modules: ${modules.stored} ${dryRun ? 'would be stored' : 'stored'}, ${modules.known} known`)
  if (kept.length > 0) lines.push(`modules that are other ones now, and stay: ${kept.join(', ')}`)
  return lines
}
