import type { Report, Show } from './report.ts'

/** Children write their log in blocks, up to 100 ms after an event. */
const HOLD_MS = 150

interface Timed {
  readonly time: number
  readonly report: Report
}

/** Passes reports on in the order of their times. */
export interface ReorderBuffer {
  readonly show: Show
  /** Passes on all reports that are held back. */
  flush(): void
}

/** Holds reports back for 150 ms, so that it can sort the reports of all children by time. */
export function reorderBuffer(show: Show): ReorderBuffer {
  let held: Timed[] = []
  let timer: NodeJS.Timeout | undefined

  const release = (until: number) => {
    clearTimeout(timer)
    timer = undefined
    const due = sorted(held.filter(({ time }) => time <= until))
    held = held.filter(({ time }) => time > until)
    for (const { report } of due) show(report)
    if (held.length > 0) plan()
  }
  const plan = () => {
    timer ??= setTimeout(() => {
      release(Date.now() - HOLD_MS)
    }, HOLD_MS)
  }
  return {
    show(report) {
      held.push({ time: timeOf(report), report })
      plan()
    },
    flush() {
      release(Infinity)
    },
  }
}

/**
 * Sorts by time, but puts the line `Accepted` of an event before the runner's lines of that event. The listener logs it only
 * when it has NATS's acknowledgement, and a quick runner may be done by then.
 */
function sorted(reports: readonly Timed[]): Timed[] {
  const accepted = new Map(
    reports.filter(isAcceptance).map(({ time, report }) => [keyOf(report), time] as const),
  )
  const rank = (timed: Timed) =>
    isAcceptance(timed) ? timed.time : Math.max(timed.time, accepted.get(keyOf(timed.report)) ?? 0)
  const isLater = (timed: Timed) => Number(!isAcceptance(timed))
  return reports.toSorted(
    (one, other) => rank(one) - rank(other) || isLater(one) - isLater(other) || one.time - other.time,
  )
}

function isAcceptance({ report }: Timed): boolean {
  return report.kind === 'line' && report.line.msg === 'Accepted'
}

function keyOf(report: Report): unknown {
  return report.kind === 'line' ? report.line['key'] : undefined
}

function timeOf(report: Report): number {
  const time = report.kind === 'line' ? Date.parse(report.line.time) : NaN
  return Number.isNaN(time) ? Date.now() : Math.min(time, Date.now())
}
