import { pino } from 'pino'
import t from 'tap'

import { createReportLog } from './attempt-report.ts'

t.test('of events that wait for room one is told a minute, with how many others waited since', (t) => {
  const lines: Record<string, unknown>[] = []
  const destination = {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  }
  let now = 0
  const logReport = createReportLog(pino({}, destination), () => now)
  const wait = (lacks: 'hand-overs' | 'dead letters', key: string, at: number) => {
    now = at
    logReport({ kind: 'waits', lacks }, key)
  }
  wait('hand-overs', 'a', 0)
  wait('hand-overs', 'b', 3_000)
  wait('hand-overs', 'a', 6_000)
  wait('dead letters', 'c', 6_000)
  wait('hand-overs', 'b', 60_000)
  wait('hand-overs', 'a', 120_000)
  logReport({ kind: 'known' }, 'a')
  t.same(
    lines.map(({ key, waitsSince, msg }) => [key, waitsSince, msg]),
    [
      ['a', undefined, 'Event waits for room'],
      ['c', undefined, 'Event waits for room'],
      ['b', 2, 'Event waits for room'],
      ['a', undefined, 'Event waits for room'],
      ['a', undefined, 'Event had its verdict'],
    ],
  )
  t.end()
})
