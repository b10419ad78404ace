import type { Purged, PurgePlan } from '../../../functions/dead-letters/purge.ts'
import { confirmed } from '../terminal/confirm.ts'
import { type Format, print, tell } from '../terminal/output.ts'
import { tableLines } from '../terminal/table.ts'
import type { ClusterOptions } from '../target/target.ts'
import { explicitFilter, type FilterOptions } from './filter.ts'
import { noneFound } from './list.ts'
import { withDeadLetters, checkMissing } from './connect.ts'

/** The options of `jobico dead purge`. */
export interface DeadPurgeOptions extends ClusterOptions, FilterOptions {
  readonly all?: boolean
  /** Does not ask. */
  readonly yes?: boolean
  readonly output: Format
}

const NOTHING = 'nothing was deleted'

/**
 * Counts the dead letters to delete, asks, deletes them for good, and prints how many. Throws an Error if there is no such
 * Job, if the answer is not yes, or if some were not deleted.
 */
export async function deadPurge(
  job: string,
  keys: readonly string[],
  { yes = false, output, ...options }: DeadPurgeOptions,
): Promise<void> {
  const filter = explicitFilter(options, keys, Date.now())
  const { plan, purged } = await withDeadLetters(job, filter, options, async (session) => {
    const { planPurge, purgeDeadLetters } = await import('../../../functions/dead-letters/purge.ts')
    const { connection, ref, work, progress } = session
    const plan = await planPurge(connection, ref, work).catch((fault: unknown) => {
      throw work.signal.aborted ? new Error(NOTHING) : fault
    })
    progress.end()
    if (plan.total + plan.pending === 0) await session.checkFilter()
    if (plan.total === 0) tell(noneFound(filter))
    else await confirmPlan(plan, yes)
    return { plan, purged: await purgeDeadLetters(connection, ref, { ...work, upTo: plan.upTo }) }
  })
  print(
    output === 'json' ? JSON.stringify({ ...purged, missing: plan.missing }) : summaryLine(purged),
    output,
  )
  if (purged.stopped !== undefined)
    throw new Error(`not all was deleted: ${purged.stopped}; run the same command again to delete the rest`)
  checkMissing(job, plan.missing)
}

/** Shows the plan and asks. Throws an Error if the answer is not yes. */
async function confirmPlan({ counts, total, pending }: PurgePlan, yes: boolean): Promise<void> {
  const rows = counts.map(({ event, code, letters }) => [event, code, String(letters)])
  const lines = tableLines([['EVENT', 'CODE', 'LETTERS'], ...rows])
  if (pending > 0) lines.push(`${pending} more are pending again, and stay`)
  tell(lines.join('\n'))
  if (yes) return
  const what = total === 1 ? 'this dead letter' : `these ${total} dead letters`
  const answer = await confirmed(`Delete ${what} for good, with the data of the events?`)
  if (answer === undefined)
    throw new Error('nothing was deleted: there is no terminal to ask on; add --yes to delete what is shown')
  if (!answer) throw new Error(NOTHING)
}

function summaryLine({ deleted, pending }: Purged): string {
  return `deleted ${deleted}${pending > 0 ? `, ${pending} are pending again` : ''}`
}
