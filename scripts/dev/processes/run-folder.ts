import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The folder of the files that children read. They are copies, so that a bad new version never reaches a running child. */
export interface RunFolder {
  readonly path: string
  /** Writes the files that are missing, readable by this user only. A file is named by its digest, so it never changes. */
  write(files: ReadonlyMap<string, string | Uint8Array>): Promise<void>
  remove(): Promise<void>
}

/** Makes the folder `run` in `parent`, and empties it. */
export async function createRunFolder(parent: string): Promise<RunFolder> {
  const path = join(parent, 'run')
  const remove = () => rm(path, { recursive: true, force: true })
  await remove()
  await mkdir(path, { recursive: true, mode: 0o700 })
  return {
    path,
    remove,
    async write(files) {
      for (const [file, content] of files) {
        if (existsSync(file)) continue
        await writeFile(`${file}.new`, content, { mode: 0o600 })
        await rename(`${file}.new`, file)
      }
    },
  }
}
