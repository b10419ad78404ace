import { aligned } from '../../testing/table.ts'
import type { Balance } from './books.ts'

/** One case's books, as the table shows them. */
export type Row = { readonly fault: string; readonly lost: number } & Omit<Balance, 'lost' | 'wrong'>

const HEAD = ['fault', 'sent', 'accepted', 'done', 'dead', 'pending', 'executed again', 'lost']

/** A line for each case. Pure. */
export function booksTable(rows: readonly Row[]): string {
  const lines = rows.map(({ fault, ...counts }) => {
    const { sent, accepted, done, dead, pending, again, lost } = counts
    return [fault, ...[sent, accepted, done, dead, pending, again, lost].map(String)]
  })
  return aligned([HEAD, ...lines.sort(([a = ''], [b = '']) => a.localeCompare(b))])
}
