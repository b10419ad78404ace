import { streamNames, type EventRef } from '../../queues/names.ts'
import type { Requests } from '../../jetstream/requests.ts'
import { isFull, type StorageUsage } from '../../queues/storage-usage.ts'

/** From where events may be pulled now. */
export type PullMode = 'all' | 'retries' | 'nothing'

/** The sizes of a Job's streams; a stream that is not there is undefined. */
export interface StreamSizes {
  readonly queueMaxBytes: number | undefined
  readonly retryBytes: number | undefined
  readonly outcomes: StorageUsage | undefined
}

const CHECK_MS = 5_000

/**
 * Decides what may be pulled: nothing while no verdict can be stored, since an execution whose outcome is lost is one for
 * nothing; only retries while those take more room than the queue is allowed, since executions may add to them.
 */
export function pullMode({ queueMaxBytes, retryBytes, outcomes }: StreamSizes): PullMode {
  if (outcomes === undefined || retryBytes === undefined || isFull(outcomes)) return 'nothing'
  if (queueMaxBytes !== undefined && queueMaxBytes > 0 && retryBytes > queueMaxBytes) return 'retries'
  return 'all'
}

/** Knows what may be pulled, from a look at the streams every five seconds and from verdicts that could not be stored. */
export interface PullGate {
  current(): PullMode
  /** A verdict waits to be stored until the answer is called. */
  block(): () => void
  close(): void
}

/** Opens the gate after a first look; `onChange` hears of each change. */
export async function createPullGate(
  requests: Requests,
  ref: EventRef,
  onChange: (now: PullMode) => void,
): Promise<PullGate> {
  let seen = pullMode(await readSizes(requests, ref))
  let waiting = 0
  let told = seen
  const current = () => (waiting > 0 ? 'nothing' : seen)
  const tell = () => {
    if (told === current()) return
    told = current()
    onChange(told)
  }
  const look = async () => {
    seen = pullMode(await readSizes(requests, ref))
    tell()
  }
  const timer = setInterval(() => void look().catch(() => undefined), CHECK_MS)
  timer.unref()
  return {
    current,
    block() {
      waiting++
      tell()
      return () => {
        waiting--
        tell()
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
