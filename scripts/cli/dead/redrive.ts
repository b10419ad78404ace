import type { DeadLetter } from '../../../functions/dead-letters/dead-letters.ts'
import type { Redriven, RedriveProgress } from '../../../functions/dead-letters/redrive.ts'
import { printable } from '../../dev/output/printable.ts'
import { type Format, print, tell } from '../terminal/output.ts'
import type { ClusterOptions } from '../target/target.ts'
import { explicitFilter, type FilterOptions } from './filter.ts'
import { noneFound } from './list.ts'
import { withDeadLetters, checkMissing } from './connect.ts'

/** The options of `jobico dead redrive`. */
export interface DeadRedriveOptions extends ClusterOptions, FilterOptions {
  readonly all?: boolean
  /** Dead letters a second. */
  readonly rate: number
  readonly dryRun?: boolean
  readonly output: Format
}

/**
 * Sends dead letters to their runners again and prints how many. Throws an Error if there is no such Job, or if some were
 * not sent.
 */
export async function deadRedrive(
  job: string,
  keys: readonly string[],
  { rate, dryRun = false, output, ...options }: DeadRedriveOptions,
): Promise<void> {
  const filter = explicitFilter(options, keys, Date.now())
  const show =
    output === 'json' ? (letter: DeadLetter) => print(JSON.stringify(letter), 'json') : createTable()
  const redriven = await withDeadLetters(job, filter, options, async (session) => {
    const { redrive } = await import('../../../functions/dead-letters/redrive.ts')
    const { connection, ref, work, progress } = session
    const found = await redrive(connection, ref, {
      ...{ ...work, rate, dryRun },
      onLetter: (letter) => {
        if (dryRun) show(letter)
      },
      onProgress: (state) => {
        if (!dryRun) progress.show(progressLine(state))
      },
    })
    if (isNothing(found)) await session.checkFilter()
    return found
  })
  if (isNothing(redriven)) tell(noneFound(filter))
  if (dryRun) tell(summaryLine(redriven, 'would redrive'))
  else print(output === 'json' ? JSON.stringify(toJson(redriven)) : summaryLine(redriven, 'redriven'), output)
  checkAllSent(job, redriven)
}

function isNothing({ sent, pending, refused, stopped }: Redriven): boolean {
  return sent + pending + refused === 0 && stopped === undefined
}

/** Prints the letters of a dry run as they come, below a head. */
function createTable(): (letter: DeadLetter) => void {
  let hasHead = false
  return ({ key, event, code, time, reason }) => {
    if (!hasHead) print(tableRow(['KEY', 'EVENT', 'CODE', 'TIME', 'REASON']))
    hasHead = true
    print(tableRow([key, event, code, time, printable(reason)]))
  }
}

/** Columns have fixed widths, because letters are printed before all are known. */
const WIDTHS = [26, 10, 16, 24, 0]

function tableRow(cells: readonly string[]): string {
  return cells
    .map((cell, column) => cell.padEnd(WIDTHS[column] ?? 0))
    .join('  ')
    .trimEnd()
}

/** The progress line of a redrive. Pure. */
export function progressLine({ sent, left, ...others }: RedriveProgress): string {
  return `${summaryLine({ sent, ...others }, 'redriven')}; ${left} to go`
}

/** The counts of a redrive, for people. Pure. */
export function summaryLine(
  { sent, pending, refused }: Pick<Redriven, 'sent' | 'pending' | 'refused'>,
  verb: string,
): string {
  const parts = [`${verb} ${sent}`]
  if (pending > 0) parts.push(`${pending} pending already`)
  if (refused > 0) parts.push(`${refused} can not be sent`)
  return parts.join(', ')
}

function toJson({ reasons, ...counts }: Redriven): object {
  return { ...counts, ...(reasons.size === 0 ? {} : { reasons: Object.fromEntries(reasons) }) }
}

function checkAllSent(job: string, { refused, reasons, missing, stopped }: Redriven): void {
  if (stopped !== undefined)
    throw new Error(
      `not all was sent: ${stopped}; run the same command again to send the rest, nothing is sent twice`,
    )
  if (refused > 0) {
    const named = [...reasons].map(([key, reason]) => `\n  ${key}: ${printable(reason)}`).join('')
    throw new Error(`${refused} were not sent${reasons.size < refused ? ', such as' : ''}:${named}`)
  }
  checkMissing(job, missing)
}
