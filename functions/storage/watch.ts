import type { NatsConnection } from '@nats-io/transport-node'

import { ASK_SUBJECT, decodeReport, STORAGE_SUBJECT, usedRatio, type StorageReport } from './report.ts'

/** What the guards of all servers have said. */
export interface StorageWatch {
  /** The latest report about each server that was heard of lately; the fullest disk first. */
  reports(): readonly StorageReport[]
  /** The report about the fullest disk for which new events are refused; undefined if they are taken. */
  low(): StorageReport | undefined
  close(): void
}

/** For so long the last word of a guard counts that says nothing more: then its server may be gone, too. */
const FORGET_MS = 30_000

/** Follows the reports of the guards, and asks for the first ones. Without any guard there are no reports. */
export function watchStorage(
  connection: NatsConnection,
  onReport: (report: StorageReport) => void = () => undefined,
): StorageWatch {
  const heard = new Map<string, { readonly report: StorageReport; readonly at: number }>()
  const subscription = connection.subscribe(STORAGE_SUBJECT, {
    callback: (fault, message) => {
      const report = fault === null ? decodeReport(message.string()) : undefined
      if (report === undefined) return
      heard.set(report.server, { report, at: performance.now() })
      onReport(report)
    },
  })
  connection.publish(ASK_SUBJECT)
  const reports = () => {
    const since = performance.now() - FORGET_MS
    for (const [server, { at }] of heard) if (at < since) heard.delete(server)
    return [...heard.values()]
      .map(({ report }) => report)
      .sort((a, b) => usedRatio(b.usage) - usedRatio(a.usage))
  }
  return {
    reports,
    low: () => reports().find(({ closed }) => closed),
    close: () => subscription.unsubscribe(),
  }
}

/** Asks the guards, and gives the reports that come within a time; none if no guard runs. */
export async function askStorage(
  connection: NatsConnection,
  withinMs: number,
): Promise<readonly StorageReport[]> {
  const watch = watchStorage(connection)
  await new Promise((resolve) => setTimeout(resolve, withinMs))
  const reports = watch.reports()
  watch.close()
  return reports
}
