import { statSync, watch, type FSWatcher } from 'node:fs'
import { basename, join } from 'node:path'

import { messageOf } from '../../functions/process/errors.ts'
import { watchedPaths } from './watched-paths.ts'

/** Editors write a file in several steps: changes within this time count as one. */
const DEBOUNCE_MS = 60

/** A watch on files and folders. */
export interface FileWatch {
  /** Watches these files and folders from now on, and no others. */
  follow(paths: readonly string[]): void
  close(): void
}

interface WatchedFolder {
  readonly identity: string
  readonly watcher: FSWatcher
}

/**
 * Calls `onChange` shortly after a file was written, created, replaced or removed, or something in one of the folders; also
 * when the file, the folder or something in it is reached through links, and when such a link is made to lead elsewhere.
 * Calls `warn` for a folder that can not be watched.
 */
export function watchFiles(
  paths: readonly string[],
  onChange: () => void,
  warn: (text: string) => void = () => undefined,
): FileWatch {
  const watched = new Map<string, WatchedFolder>()
  const unwatchable = new Set<string>()
  let followed = paths
  let wanted = watchedPaths(followed)
  let timer: NodeJS.Timeout | undefined

  const onEvent = (folder: string, name: string | null) => {
    // A folder that is removed or moved tells so with its own name, and then tells no more.
    const isItself = name === basename(folder)
    if (isItself) unwatch(folder)
    if (name !== null && !isItself && !wanted.concerns(join(folder, name))) return
    clearTimeout(timer)
    timer = setTimeout(() => {
      updateWatchers()
      onChange()
    }, DEBOUNCE_MS)
  }
  const unwatch = (folder: string) => {
    watched.get(folder)?.watcher.close()
    watched.delete(folder)
  }
  const watchFolder = (folder: string) => {
    const identity = identityOf(folder)
    // A watch that is made anew loses the changes that were not told yet.
    if (identity === undefined || watched.get(folder)?.identity === identity) return
    unwatch(folder)
    try {
      const watcher = watch(folder, (_event, name) => onEvent(folder, name))
      watcher.on('error', () => unwatch(folder))
      watched.set(folder, { identity, watcher })
    } catch (fault) {
      // A folder that may not be searched holds nothing that this process reads, only links or missing files.
      const { code } = fault as NodeJS.ErrnoException
      if (code === 'EACCES' || code === 'ENOENT' || unwatchable.has(folder)) return
      unwatchable.add(folder)
      warn(`saves in ${folder} are not noticed: ${messageOf(fault)}; start again after a save there`)
    }
  }
  /** Watches the folders that are there now. */
  const updateWatchers = () => {
    wanted = watchedPaths(followed)
    for (const folder of [...watched.keys()]) if (!wanted.folders.has(folder)) unwatch(folder)
    for (const folder of wanted.folders) watchFolder(folder)
  }
  updateWatchers()
  return {
    follow(paths) {
      followed = paths
      updateWatchers()
    },
    close() {
      clearTimeout(timer)
      for (const folder of [...watched.keys()]) unwatch(folder)
    },
  }
}

/** Tells a folder from another one that was made later in its place, which may have got its inode. */
function identityOf(folder: string): string | undefined {
  const found = statSync(folder, { throwIfNoEntry: false, bigint: true })
  return found?.isDirectory() ? `${found.dev}:${found.ino}:${found.birthtimeNs}` : undefined
}

/** Whether one of the files or folders has changed since a time. One that is missing, or from the future, has not. */
export function changedSince(paths: readonly string[], timeMs: number): boolean {
  const now = Date.now()
  return paths.some((path) => {
    const changedMs = statSync(path, { throwIfNoEntry: false })?.ctimeMs ?? -Infinity
    // The clock of files has fractions of a millisecond.
    return changedMs >= timeMs && Math.floor(changedMs) <= now
  })
}
