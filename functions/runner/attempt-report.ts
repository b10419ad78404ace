import type { AttemptError } from '../outcomes/verdict.ts'
import type { Log } from '../process/log.ts'
import type { Lack } from './attempts/replace-record.ts'

/** What happened to an event, for logs and metrics. */
export type Report =
  | { readonly kind: 'done'; readonly attempts: number; readonly durationMs: number }
  | {
      readonly kind: 'retried'
      readonly attempt: number
      readonly delayMs: number
      readonly fault: AttemptError
    }
  | { readonly kind: 'dead'; readonly attempts: number; readonly fault: AttemptError }
  /** There is no room for what it hands over, or for a dead letter: it waits, and this was no attempt. */
  | { readonly kind: 'waits'; readonly lacks: Lack }
  /** An execution ended well, but the event has a dead letter, which stands: the result is given up. */
  | { readonly kind: 'late' }
  /** The event had a verdict already, so none was stored. */
  | { readonly kind: 'known' }
  /** A process stored the event's next copy and died before it deleted this one, so nothing ran. */
  | { readonly kind: 'superseded' }
  /** This process is stopping, and nothing ran: the caller gives the delivery back to the queue. */
  | { readonly kind: 'handed-back' }

const NO_ROOM: Readonly<Record<Lack, string>> = {
  'dead letters':
    'it would become a dead letter, and these have used up their room; redrive or purge dead letters, or raise spec.queue.maxBytes',
  'hand-overs':
    'it hands over to other events, and those that wait have used up their room; it goes on when some of them have ended',
}

/** How often it is told that events wait for room; each of them tries again every few seconds. */
const WAITS_EVERY_MS = 60_000

/** Makes the function that logs a report as one line. Of events that wait for room it tells one a minute, and how many others. */
export function createReportLog(
  log: Log,
  now = () => performance.now(),
): (report: Report, key: string) => void {
  const told = new Map<Lack, { readonly at: number; others: number }>()
  const logWait = (lacks: Lack, key: string) => {
    const last = told.get(lacks)
    if (last !== undefined && now() - last.at < WAITS_EVERY_MS) {
      last.others++
      return
    }
    told.set(lacks, { at: now(), others: 0 })
    const waitedAlso = last === undefined || last.others === 0 ? {} : { waitsSince: last.others }
    log.warn({ key, ...waitedAlso, reason: NO_ROOM[lacks] }, 'Event waits for room')
  }
  return (report, key) => {
    if (report.kind === 'waits') logWait(report.lacks, key)
    else logReport(log, report, key)
  }
}

function logReport(log: Log, report: Exclude<Report, { kind: 'waits' }>, key: string): void {
  switch (report.kind) {
    case 'done':
      log.info(
        { key, attempts: report.attempts, durationMs: Math.round(report.durationMs * 100) / 100 },
        'Event done',
      )
      break
    case 'retried':
      log.warn({ key, ...report.fault, delayMs: report.delayMs }, 'Event retried')
      break
    case 'dead':
      log.error({ key, ...report.fault, attempts: report.attempts }, 'Event dead')
      break
    case 'late':
      log.warn(
        { key },
        'Event ended well, but it is dead already: its dead letter stands, and the result is given up; redrive the dead letter to run it once more',
      )
      break
    case 'known':
      log.info({ key }, 'Event had its verdict')
      break
    case 'superseded':
      log.info({ key }, 'Event goes on in a later copy')
      break
    case 'handed-back':
      log.info({ key }, 'Event handed back')
  }
}
