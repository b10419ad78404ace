import { lstatSync, rmSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'

/** How long taking a lock waits for another process: for one that only looks at the lock, and for one that is just ending. */
const WAIT_MS = 500

/** `errcode` of SQLite when another connection has the lock. */
const SQLITE_BUSY = 5

/** A lock of this process. The operating system releases it when the process ends, however it ends. */
export interface Lock {
  release(): void
}

/**
 * Takes the lock that a file stands for; undefined if another process has it, or another holder in this process. Creates the
 * file, which has to stay: a new file of that name would be another lock. Throws an Error if the folder can not be written to,
 * or if the file is no lock.
 */
export async function takeLock(file: string): Promise<Lock | undefined> {
  const fault = faultOf(file)
  if (fault !== undefined) throw new Error(`${file} ${fault}; remove it, and start again`)
  // Node itself has no lock on files. SQLite's is one of the operating system.
  const database = await open(file)
  try {
    database.exec(`PRAGMA busy_timeout = ${WAIT_MS}; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE`)
    return { release: () => database.close() }
  } catch (fault) {
    database.close()
    if (isBusy(fault)) return undefined
    throw fault
  }
}

/** Whether any process has the lock. */
export async function isLocked(file: string): Promise<boolean> {
  if (faultOf(file) !== undefined || lstatSync(file, { throwIfNoEntry: false }) === undefined) return false
  const database = await open(file)
  try {
    database.exec('SELECT name FROM sqlite_schema')
    return false
  } catch (fault) {
    if (isBusy(fault)) return true
    throw fault
  } finally {
    database.close()
  }
}

/** Why a file is no lock. A lock is empty: a database that somebody else made is not opened. */
function faultOf(file: string): string | undefined {
  const found = lstatSync(file, { throwIfNoEntry: false })
  if (found === undefined || (found.isFile() && found.size === 0)) return undefined
  return 'was not made by jobico dev'
}

/** What SQLite would do again when it opens the file. No lock has any of them. */
const JOURNALS = ['-journal', '-wal', '-shm']

async function open(file: string): Promise<DatabaseSync> {
  for (const ending of JOURNALS) rmSync(`${file}${ending}`, { recursive: true, force: true })
  const { DatabaseSync: Database } = await loadSqlite()
  return new Database(file)
}

/** Loads SQLite without the warning of Node 22 that it is experimental. */
async function loadSqlite() {
  const { emitWarning } = process
  process.emitWarning = () => undefined
  try {
    return await import('node:sqlite')
  } finally {
    process.emitWarning = emitWarning
  }
}

function isBusy(fault: unknown): boolean {
  return (fault as { errcode?: unknown }).errcode === SQLITE_BUSY
}
