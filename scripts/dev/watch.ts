import { once } from 'node:events'

import { watch } from 'chokidar'

/** Editors write a file in several steps: changes within this time are one. */
const SETTLE_MS = 60

/** Files that are watched. */
export interface FileWatch {
  /** Watches these files and folders from now on, and no others. */
  follow(paths: readonly string[]): void
  close(): Promise<void>
}

/**
 * Calls `onChange` shortly after one of the files was written, made, replaced or removed, or something in one of the
 * folders. Resolves when no change is missed any more.
 */
export async function watchFiles(paths: readonly string[], onChange: () => void): Promise<FileWatch> {
  const watcher = watch([...paths], { ignoreInitial: true })
  let followed: ReadonlySet<string> = new Set(paths)
  let timer: NodeJS.Timeout | undefined
  watcher.on('all', () => {
    clearTimeout(timer)
    timer = setTimeout(onChange, SETTLE_MS)
  })
  await once(watcher, 'ready')
  return {
    follow(wantedPaths) {
      const wanted = new Set(wantedPaths)
      watcher.unwatch([...followed].filter((path) => !wanted.has(path)))
      watcher.add([...wanted].filter((path) => !followed.has(path)))
      followed = wanted
    },
    async close() {
      clearTimeout(timer)
      await watcher.close()
    },
  }
}
