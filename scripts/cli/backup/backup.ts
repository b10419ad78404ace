import { open, rename, rm } from 'node:fs/promises'

import { backup, type BackupReport, type Sink } from '../../../functions/backup/backup.ts'
import { formatBytes } from '../../../functions/jetstream/stream-refusal.ts'
import { messageOf } from '../../../functions/process/errors.ts'
import { print, tell, writeBytes } from '../terminal/output.ts'
import { stopSignal } from '../terminal/stop-signal.ts'
import { tableLines } from '../terminal/table.ts'
import { atPlace, NATS_LIMIT_MS, soughtJobs, type PlaceOptions } from './platform.ts'

/** The options of `jobico backup`. */
export interface BackupCommandOptions extends PlaceOptions {
  /** A file, or `-`. */
  readonly output: string
  readonly json?: boolean
}

/** The standard output, as a name of a file. */
const STDOUT = '-'

/**
 * Writes a backup, and prints what it has. The file appears under its name when it is complete. Throws an Error if there is no
 * such Job, or if the file can not be written.
 */
export async function backupCommand(
  jobs: readonly string[],
  { output, json = false, ...options }: BackupCommandOptions,
): Promise<void> {
  if (jobs.length > 0 && options.allNamespaces === true)
    throw new Error('several namespaces may have a Job of that name; name one with -n instead of -A')
  if (output === STDOUT && process.stdout.isTTY)
    throw new Error('a backup is no text for a terminal; name a file with -o, or send the output somewhere')
  const signal = stopSignal()
  const report = await atPlace(options, async (platform, progress) => {
    const sought = await soughtJobs(platform, jobs, options)
    return await writingTo(output, (write) =>
      backup((namespace) => platform.nats(namespace), {
        ...{ jobs: sought, write, signal, limitMs: NATS_LIMIT_MS },
        onWait: (reason) => progress.show(`waiting: ${reason}`),
        onProgress: ({ messages, total, bytes }) =>
          progress.show(`backing up: ${messages} of about ${total} messages, ${formatBytes(bytes)}`),
      }),
    ).catch((fault: unknown) => {
      throw signal.aborted ? new Error('interrupted: no backup was written') : fault
    })
  })
  const lines = json ? [JSON.stringify(report)] : reportLines(report)
  if (output === STDOUT) tell(lines.join('\n'))
  else
    lines.forEach((line) => {
      print(line)
    })
}

async function writingTo<T>(output: string, use: (write: Sink) => Promise<T>): Promise<T> {
  if (output === STDOUT)
    return await use(async (bytes) => {
      await writeBytes(bytes)
    })
  // An earlier backup stays until this one is complete.
  const unfinished = `${output}.part`
  const file = await open(unfinished, 'w', 0o600).catch((fault: unknown) => {
    throw new Error(`can't write ${unfinished}: ${messageOf(fault)}; name another file with -o`, {
      cause: fault,
    })
  })
  try {
    const result = await use(async (bytes) => {
      await file.writeFile(bytes)
    })
    await file.sync()
    await file.close()
    await rename(unfinished, output)
    return result
  } catch (fault) {
    await file.close().catch(() => undefined)
    await rm(unfinished, { force: true })
    throw fault
  }
}

/** The report of a backup, for people. Pure. */
export function reportLines({ jobs, modules, bytes }: BackupReport): readonly string[] {
  const rows = jobs.map(({ namespace, job, queued, records }) => [
    namespace,
    job,
    String(queued),
    String(records),
  ])
  return [
    ...tableLines([['NAMESPACE', 'JOB', 'QUEUED', 'RECORDS'], ...rows]),
    `${modules} module${modules === 1 ? '' : 's'}, ${formatBytes(bytes)}`,
  ]
}
