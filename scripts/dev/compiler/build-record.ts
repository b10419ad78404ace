import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'

/** Digests of the files that the compiler read, by absolute path; null for one that it looked for and that is not there. */
export type Inputs = Readonly<Record<string, string | null>>

/** What a compiled module was made from. It stands beside the module, so that a module that is still right is kept. */
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

/** The SHA-256 of contents, in hexadecimal digits. */
export function digestOfContents(contents: string | Uint8Array): string {
  return createHash('sha256').update(contents).digest('hex')
}

/** The record of a module, if the module is there and the same compiler would make it from the same files. */
export async function currentRecord(out: string, tool: string): Promise<BuildRecord | undefined> {
  const record = await readRecord(recordFile(out))
  if (record === undefined || record.tool !== tool) return undefined
  const files = Object.entries({ ...record.inputs, [out]: record.output })
  const same = await Promise.all(files.map(async ([path, digest]) => (await digestOfFile(path)) === digest))
  return same.every(Boolean) ? record : undefined
}

/** Makes the record of a module that was compiled just now, and stores it beside the module. */
export async function storeRecord(out: string, made: Omit<BuildRecord, 'output'>): Promise<BuildRecord> {
  const record = { ...made, output: (await digestOfFile(out)) ?? '' }
  const file = recordFile(out)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(
    `${file}.tmp`,
    `${JSON.stringify(mapPaths(record, (path) => relative(dirname(file), path)))}\n`,
  )
  await rename(`${file}.tmp`, file)
  return record
}

/**
 * Removes the modules of a folder that were compiled for one of these Job files, or for one that is gone, and that are not
 * among `names`. Leaves a module alone that has changed since: somebody else wrote it.
 */
export async function removeStale(
  folder: string,
  jobFiles: readonly string[],
  names: ReadonlySet<string>,
): Promise<void> {
  for (const entry of await readdir(join(folder, RECORDS)).catch(() => [])) {
    const out = join(folder, basename(entry, '.json'))
    const file = join(folder, RECORDS, entry)
    const record = await readRecord(file)
    if (record === undefined || names.has(basename(out))) continue
    if (!jobFiles.includes(record.job) && existsSync(record.job)) continue
    if ((await digestOfFile(out)) === record.output) await rm(out, { force: true })
    await rm(file, { force: true })
  }
}

const RECORDS = '.inputs'

function recordFile(out: string): string {
  return join(dirname(out), RECORDS, `${basename(out)}.json`)
}

/** Paths are stored relative to the record, so that a project can be moved. */
function mapPaths(record: BuildRecord, map: (path: string) => string): BuildRecord {
  const inputs = Object.entries(record.inputs).map(([path, digest]) => [map(path), digest] as const)
  return { ...record, job: map(record.job), inputs: Object.fromEntries(inputs) }
}

async function readRecord(file: string): Promise<BuildRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(file, 'utf8')) as BuildRecord
    return mapPaths(record, (path) => resolve(dirname(file), path))
  } catch {
    return undefined // no record, or none of this version: the module is compiled again
  }
}

async function digestOfFile(path: string): Promise<string | null> {
  return await readFile(path).then(digestOfContents, () => null)
}
