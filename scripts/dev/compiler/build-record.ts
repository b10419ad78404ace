import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'

import { replaceFile } from '../../replace-file.ts'
import { userCache, type CacheEnvironment } from '../../user-cache.ts'

/** Digests of the files that the compiler read, by absolute path; null for one that it looked for and that is not there. */
export type Inputs = Readonly<Record<string, string | null>>

/**
 * What a compiled module was made from, so that a module that is still right is kept. Records are believed, so they are in a
 * folder of the user's cache: in the project, one could make a module of somebody else pass for the compiled sources.
 */
export interface BuildRecord {
  /** The Job file that names the module; an absolute path. */
  readonly job: string
  /** The digest of the compiler and of its options. */
  readonly tool: string
  readonly inputs: Inputs
  /** The digest of the module. */
  readonly output: string
  /** The compiler's warnings. */
  readonly diagnostics: string
}

/** The folder of the records. Throws what `userCache` throws. */
export function buildRecords(environment: CacheEnvironment): string {
  return userCache(environment, 'builds')
}

/** The SHA-256 of contents, in hexadecimal digits. */
export function digestOfContents(contents: string | Uint8Array): string {
  return createHash('sha256').update(contents).digest('hex')
}

/** The record of a module, if the module is there and the same compiler would make it from the same files. */
export async function currentRecord(
  records: string,
  out: string,
  tool: string,
): Promise<BuildRecord | undefined> {
  const record = await readRecord(recordFile(records, out))
  if (record === undefined || record.tool !== tool) return undefined
  const files = Object.entries({ ...record.inputs, [out]: record.output })
  const same = await Promise.all(files.map(async ([path, digest]) => (await digestOfFile(path)) === digest))
  return same.every(Boolean) ? record : undefined
}

/** Makes the record of a module that was compiled just now, and stores it. */
export async function storeRecord(
  records: string,
  out: string,
  made: Omit<BuildRecord, 'output'>,
): Promise<BuildRecord> {
  const record = { ...made, output: (await digestOfFile(out)) ?? '' }
  await replaceFile(recordFile(records, out), `${JSON.stringify(record)}\n`)
  return record
}

/**
 * Removes the modules of a folder that were compiled for one of these Job files, or for one that is gone, and that are not
 * among `names`. Leaves a module alone that has changed since: somebody else wrote it.
 */
export async function removeStale(
  records: string,
  folder: string,
  jobFiles: readonly string[],
  names: ReadonlySet<string>,
): Promise<void> {
  const ofFolder = folderOf(records, folder)
  for (const entry of await readdir(ofFolder).catch(() => [])) {
    const out = join(folder, basename(entry, '.json'))
    const file = join(ofFolder, entry)
    const record = await readRecord(file)
    if (record === undefined || names.has(basename(out))) continue
    if (!jobFiles.includes(record.job) && existsSync(record.job)) continue
    if ((await digestOfFile(out)) === record.output) await rm(out, { force: true })
    await rm(file, { force: true })
  }
}

/** The records of the modules in one folder. */
function folderOf(records: string, folder: string): string {
  return join(records, digestOfContents(resolve(folder)))
}

function recordFile(records: string, out: string): string {
  return join(folderOf(records, dirname(out)), `${basename(out)}.json`)
}

async function readRecord(file: string): Promise<BuildRecord | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as BuildRecord
  } catch {
    return undefined // no record, or none of this version: the module is compiled again
  }
}

async function digestOfFile(path: string): Promise<string | null> {
  return await readFile(path).then(digestOfContents, () => null)
}
