import { streamNames, type EventRef } from '../../queues/names.ts'
import type { Requests } from '../../jetstream/requests.ts'
import { isFull, type StorageUsage } from '../../queues/storage-usage.ts'

/** Which messages may be pulled now. */
export type PullMode = 'all' | 'retries' | 'nothing'

/** The sizes of a Job's streams; undefined for a stream that does not exist. */
export interface StreamSizes {
  readonly queueMaxBytes: number | undefined
  readonly retryBytes: number | undefined
  readonly outcomes: StorageUsage | undefined
}

const CHECK_MS = 5_000

/**
 * Decides what may be pulled. Nothing while no verdict can be stored, because then an execution would be in vain. Only
 * retries while they take more bytes than the queue may, because new events may add to them.
 */
export function pullMode({ queueMaxBytes, retryBytes, outcomes }: StreamSizes): PullMode {
  if (outcomes === undefined || retryBytes === undefined || isFull(outcomes)) return 'nothing'
  if (queueMaxBytes !== undefined && queueMaxBytes > 0 && retryBytes > queueMaxBytes) return 'retries'
  return 'all'
}

/** Says what may be pulled. It checks the streams every five seconds, and hears of verdicts that could not be stored. */
export interface PullGate {
  current(): PullMode
  /** Call it when a verdict can not be stored. Nothing is pulled until the returned function is called. */
  block(): () => void
  close(): void
}

/** Makes a gate after a first check; `onChange` is called at each change. Throws QUEUE_UNAVAILABLE if that check fails. */
export async function createPullGate(
  requests: Requests,
  ref: EventRef,
  onChange: (now: PullMode) => void,
): Promise<PullGate> {
  let checked = pullMode(await readSizes(requests, ref))
  let blocks = 0
  let reported = checked
  const current = () => (blocks > 0 ? 'nothing' : checked)
  const report = () => {
    if (reported === current()) return
    reported = current()
    onChange(reported)
  }
  const check = async () => {
    checked = pullMode(await readSizes(requests, ref))
    report()
  }
  const timer = setInterval(() => void check().catch(() => undefined), CHECK_MS)
  timer.unref()
  return {
    current,
    block() {
      blocks++
      report()
      return () => {
        blocks--
        report()
      }
    },
    close: () => {
      clearInterval(timer)
    },
  }
}

interface RawStreamInfo {
  readonly config?: { readonly max_bytes?: number }
  readonly state?: { readonly bytes?: number }
}

async function readSizes(requests: Requests, ref: EventRef): Promise<StreamSizes> {
  const names = streamNames(ref)
  const read = async (stream: string) => {
    const answer = await requests.send({ subject: `$JS.API.STREAM.INFO.${stream}` })
    const { config, state } = answer.json<RawStreamInfo>()
    return state && { bytes: state.bytes ?? 0, maxBytes: config?.max_bytes ?? -1 }
  }
  const [queue, retry, outcomes] = await Promise.all([
    read(names.queue),
    read(names.retry),
    read(names.outcomes),
  ])
  return { queueMaxBytes: queue?.maxBytes, retryBytes: retry?.bytes, outcomes }
}
