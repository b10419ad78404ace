import { readdirSync, statSync, watch, type FSWatcher } from 'node:fs'
import { dirname, join, sep } from 'node:path'

/** Editors write a file in several steps: changes within this time count as one. */
const DEBOUNCE_MS = 60

/** A watch on files and folders. */
export interface FileWatch {
  /** Watches these files and folders from now on, and no others. */
  follow(paths: readonly string[]): void
  close(): void
}

/**
 * Calls `onChange` shortly after a file was written, created, replaced or removed, or something in one of the folders. It
 * watches the folder that holds a file: a watch on the file itself would end when an editor replaces the file.
 */
export function watchFiles(paths: readonly string[], onChange: () => void): FileWatch {
  const watchers = new Map<string, FSWatcher>()
  let followed = paths
  let timer: NodeJS.Timeout | undefined

  const isFollowed = (path: string) => followed.some((each) => path === each || path.startsWith(each + sep))
  const onEvent = (folder: string, name: string | null) => {
    if (name !== null && !isFollowed(join(folder, name))) return
    clearTimeout(timer)
    timer = setTimeout(() => {
      updateWatchers()
      onChange()
    }, DEBOUNCE_MS)
  }
  const unwatch = (folder: string) => {
    watchers.get(folder)?.close()
    watchers.delete(folder)
  }
  /** Watches the folders that exist now. A followed folder gets a new watch each time, as it may have been replaced. */
  const updateWatchers = () => {
    const wanted = new Set(followed.flatMap((path) => [dirname(path), ...foldersIn(path)]))
    for (const folder of [...watchers.keys()]) if (!wanted.has(folder) || isFollowed(folder)) unwatch(folder)
    for (const folder of wanted) {
      if (watchers.has(folder) || !isFolder(folder)) continue
      const watcher = watch(folder, (_event, name) => onEvent(folder, name))
      watcher.on('error', () => unwatch(folder))
      watchers.set(folder, watcher)
    }
  }
  updateWatchers()
  return {
    follow(wanted) {
      followed = wanted
      updateWatchers()
    },
    close() {
      clearTimeout(timer)
      for (const folder of [...watchers.keys()]) unwatch(folder)
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
