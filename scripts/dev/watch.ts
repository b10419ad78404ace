import { readdirSync, statSync, watch, type FSWatcher } from 'node:fs'
import { dirname, join, sep } from 'node:path'

/** Editors write a file in several steps: changes within this time are one. */
const SETTLE_MS = 60

/** Files that are watched. */
export interface FileWatch {
  /** Watches these files and folders from now on, and no others. */
  follow(paths: readonly string[]): void
  close(): void
}

/**
 * Calls `onChange` shortly after one of the files was written, made, replaced or removed, or something in one of the
 * folders. It watches the folders around the files: a file that is replaced is another one to the system, and a watch on
 * the first would hear no more.
 */
export function watchFiles(paths: readonly string[], onChange: () => void): FileWatch {
  const watchers = new Map<string, FSWatcher>()
  let followed = paths
  let timer: NodeJS.Timeout | undefined

  const isFollowed = (path: string) => followed.some((each) => path === each || path.startsWith(each + sep))
  const heard = (folder: string, name: string | null) => {
    if (name !== null && !isFollowed(join(folder, name))) return
    clearTimeout(timer)
    timer = setTimeout(() => {
      settle()
      onChange()
    }, SETTLE_MS)
  }
  const forget = (folder: string) => {
    watchers.get(folder)?.close()
    watchers.delete(folder)
  }
  /** Watches the folders that there are now; one that was made anew needs a new watch, as a file would. */
  const settle = () => {
    const wanted = new Set(followed.flatMap((path) => [dirname(path), ...foldersIn(path)]))
    for (const folder of [...watchers.keys()]) if (!wanted.has(folder) || isFollowed(folder)) forget(folder)
    for (const folder of wanted) {
      if (watchers.has(folder) || !isFolder(folder)) continue
      const watcher = watch(folder, (_event, name) => heard(folder, name))
      watcher.on('error', () => forget(folder))
      watchers.set(folder, watcher)
    }
  }
  settle()
  return {
    follow(wanted) {
      followed = wanted
      settle()
    },
    close() {
      clearTimeout(timer)
      for (const folder of [...watchers.keys()]) forget(folder)
    },
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

/** A folder and all folders in it; none where the path is a file, or nothing. */
function foldersIn(path: string): string[] {
  if (!isFolder(path)) return []
  const inside = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return [path, ...inside.flatMap((entry) => foldersIn(join(path, entry.name)))]
}
