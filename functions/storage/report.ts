import { formatBytes } from '../jetstream/stream-refusal.ts'

/** The subject on which the guards report. */
export const STORAGE_SUBJECT = 'jobico-storage'
/** The subject on which a process asks the guards to report at once. */
export const ASK_SUBJECT = 'jobico-storage-ask'

/** How much of a disk is used, of what is scarcer: its bytes, or the files that its file system can still make. */
export interface Usage {
  readonly of: 'bytes' | 'files'
  readonly used: number
  /** What there is in total, used or not. */
  readonly size: number
}

/** What the guard of one NATS server says about the disk on which the server keeps its streams. */
export interface StorageReport {
  readonly server: string
  readonly usage: Usage
  /** Whether new events are refused until there is more room. */
  readonly closed: boolean
}

/** New events are refused when less than this share of the disk is free, */
const CLOSE_SHARE = 0.15
/** but not while this much is free, in bytes: a large disk needs no larger reserve. */
const CLOSE_BYTES = 2 * 2 ** 30
/** They are taken again when this many times the free room is there with which they are refused. */
const OPEN_FACTOR = 4 / 3
/** With this share of that room, a server can settle what it has, though it takes nothing new. */
const WORK_FACTOR = 1 / 2

/** The room that is kept for what accepted events still need: verdicts, retries, dead letters, and NATS's own logs. */
function reserve({ of, size }: Usage): number {
  const share = size * CLOSE_SHARE
  return of === 'bytes' ? Math.min(share, CLOSE_BYTES) : share
}

/** Whether new events are refused, given whether they were before. Pure. */
export function isClosed(usage: Usage, before: boolean): boolean {
  const free = usage.size - usage.used
  return free < reserve(usage) * (before ? OPEN_FACTOR : 1)
}

/** Whether a server that has stopped for want of room can work again. Pure. */
export function hasRoomToWork(usage: Usage): boolean {
  return usage.size - usage.used >= reserve(usage) * WORK_FACTOR
}

/** The used share, from 0 to 1. */
export function usedRatio({ used, size }: Usage): number {
  return size > 0 ? used / size : 0
}

/** A report as it is sent. */
export function encodeReport(report: StorageReport): string {
  return JSON.stringify(report)
}

/** Reads a report; undefined if it is none. */
export function decodeReport(text: string): StorageReport | undefined {
  try {
    const { server, usage, closed } = JSON.parse(text) as Partial<StorageReport>
    const { of, used, size } = usage ?? {}
    const isReport =
      typeof server === 'string' &&
      (of === 'bytes' || of === 'files') &&
      isAmount(used) &&
      isAmount(size) &&
      typeof closed === 'boolean'
    return isReport ? { server, usage: { of, used, size }, closed } : undefined
  } catch {
    return undefined
  }
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

/** What is used, for people: `9.1Gi of 10Gi (91 %)`. */
export function usageText(usage: Usage): string {
  const { of, used, size } = usage
  const percent = `(${Math.round(usedRatio(usage) * 100)} %)`
  return of === 'files'
    ? `${used} of ${size} files ${percent}`
    : `${formatBytes(used)} of ${formatBytes(size)} ${percent}`
}
