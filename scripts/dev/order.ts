import type { Report, Show } from './report.ts'

/** Children write their lines in blocks, up to 100 ms after what they tell of. */
const HOLD_MS = 150

/** Hands reports on in the order of their times. */
export interface Ordered {
  readonly show: Show
  /** Hands on all that is held back. */
  flush(): void
}

/** Holds reports back for a moment, so that what one child did comes before what another one did next. */
export function inTimeOrder(show: Show): Ordered {
  let held: { readonly time: number; readonly report: Report }[] = []
  let timer: NodeJS.Timeout | undefined

  const release = (until: number) => {
    clearTimeout(timer)
    timer = undefined
    const due = held.filter(({ time }) => time <= until).sort((one, other) => one.time - other.time)
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

function timeOf(report: Report): number {
  const time = report.kind === 'line' ? Date.parse(report.line.time) : NaN
  return Number.isNaN(time) ? Date.now() : Math.min(time, Date.now())
}
