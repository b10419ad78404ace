import t from 'tap'

import { decodeReport, encodeReport, hasRoomToWork, isClosed, usageText, type Usage } from './report.ts'

const GiB = 2 ** 30
const disk = (sizeGiB: number, freeGiB: number): Usage => ({
  of: 'bytes',
  used: (sizeGiB - freeGiB) * GiB,
  size: sizeGiB * GiB,
})

t.test('when new events are refused, and when a full server can work again', (t) => {
  const cases = [
    { usage: disk(10, 5), fromOpen: false, fromClosed: false, works: true },
    { usage: disk(10, 1.6), fromOpen: false, fromClosed: true, works: true },
    { usage: disk(10, 1.4), fromOpen: true, fromClosed: true, works: true },
    { usage: disk(10, 2.1), fromOpen: false, fromClosed: false, works: true },
    { usage: disk(10, 0.7), fromOpen: true, fromClosed: true, works: false },
    { usage: disk(10, 0), fromOpen: true, fromClosed: true, works: false },
    // A large disk with little of it free, such as that of a laptop.
    { usage: disk(1_000, 30), fromOpen: false, fromClosed: false, works: true },
    { usage: disk(1_000, 2.3), fromOpen: false, fromClosed: true, works: true },
    { usage: disk(1_000, 1.9), fromOpen: true, fromClosed: true, works: true },
    { usage: disk(1_000, 0.9), fromOpen: true, fromClosed: true, works: false },
    { usage: { of: 'files', used: 80, size: 100 }, fromOpen: false, fromClosed: false, works: true },
    { usage: { of: 'files', used: 86, size: 100 }, fromOpen: true, fromClosed: true, works: true },
    { usage: { of: 'files', used: 99, size: 100 }, fromOpen: true, fromClosed: true, works: false },
  ] as const
  for (const { usage, fromOpen, fromClosed, works } of cases) {
    const name = usageText(usage)
    t.equal(isClosed(usage, false), fromOpen, `${name}, so far open`)
    t.equal(isClosed(usage, true), fromClosed, `${name}, so far closed`)
    t.equal(hasRoomToWork(usage), works, `${name}, stopped`)
  }
  t.end()
})

t.test('a report is read as it was written, and nothing else is', (t) => {
  const report = { server: 'nats-0', usage: disk(10, 1), closed: true }
  t.same(decodeReport(encodeReport(report)), report)
  for (const text of [
    '',
    'null',
    '[]',
    '{}',
    '{"server":"a","usage":{"of":"bytes","used":"1","size":2},"closed":true}',
    '{"server":"a","usage":{"of":"pages","used":1,"size":2},"closed":true}',
    '{"server":"a","usage":{"of":"bytes","used":1,"size":2}}',
    '{"server":"a","closed":false}',
  ])
    t.equal(decodeReport(text), undefined, text)
  t.end()
})

t.test('usage for people', (t) => {
  t.equal(usageText(disk(10, 0.9)), '9.1Gi of 10Gi (91 %)')
  t.equal(usageText({ of: 'files', used: 9, size: 10 }), '9 of 10 files (90 %)')
  t.end()
})
