import { existsSync } from 'node:fs'
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
 * file, which has to stay: a new file of that name would be another lock. Throws an Error if the folder can not be written to.
 */
export async function takeLock(file: string): Promise<Lock | undefined> {
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
  if (!existsSync(file)) return false
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

async function open(file: string): Promise<DatabaseSync> {
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
