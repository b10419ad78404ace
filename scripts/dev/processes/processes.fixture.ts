import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 20

/** The ids of all descendants of a process; Linux only. */
export async function descendants(pid: number): Promise<readonly number[]> {
  const parents = new Map<number, number>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = await parentOf(Number(name))
    if (parent !== undefined) parents.set(Number(name), parent)
  }
  const below = (ancestor: number): number[] =>
    [...parents].filter(([, parent]) => parent === ancestor).flatMap(([child]) => [child, ...below(child)])
  return below(pid)
}

/** Waits until a process has ended; a zombie counts as ended. */
export async function gone(pid: number): Promise<void> {
  while ((await stateOf(pid)) !== undefined) await delay(POLL_MS)
}

async function parentOf(pid: number): Promise<number | undefined> {
  const state = await stateOf(pid)
  return state === undefined ? undefined : Number(state.split(' ')[1])
}

/** The fields of /proc/<pid>/stat from the state on; undefined for a process that has ended, or is a zombie. */
async function stateOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2)
    return fields.startsWith('Z') ? undefined : fields
  } catch {
    return undefined
  }
}
