import { randomUUID } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Writes a file in one step, so that nobody reads half of it; its folder is created. Replaces a link by the file, and does not
 * write to where the link leads.
 */
export async function replaceFile(path: string, contents: string | Uint8Array): Promise<void> {
  const fresh = `${path}.${randomUUID()}.tmp`
  await mkdir(dirname(path), { recursive: true })
  try {
    await writeFile(fresh, contents, { flag: 'wx' })
    await rename(fresh, path)
  } finally {
    await rm(fresh, { force: true })
  }
}
