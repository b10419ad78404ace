import { aligned } from '../../testing/table.ts'
import type { Audit } from './audit.ts'

/** The audit of one case, as a row of the table. */
export type Row = { readonly fault: string; readonly lost: number } & Omit<Audit, 'lost' | 'wrong'>

const HEAD = ['fault', 'sent', 'accepted', 'done', 'dead', 'pending', 'executed again', 'lost']

/** The table of all cases, with a line for each. Pure. */
export function auditTable(rows: readonly Row[]): string {
  const lines = rows.map(({ fault, ...counts }) => {
    const { sent, accepted, done, dead, pending, again, lost } = counts
    return [fault, ...[sent, accepted, done, dead, pending, again, lost].map(String)]
  })
  return aligned([HEAD, ...lines.sort(([a = ''], [b = '']) => a.localeCompare(b))])
}
