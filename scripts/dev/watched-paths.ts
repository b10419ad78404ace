import { lstatSync, readdirSync, readlinkSync, type Dirent } from 'node:fs'
import { dirname, join, parse, resolve, sep } from 'node:path'

/** As many links as Linux follows in one path. */
const MOST_LINKS = 40

/** What to watch so that no change of some files and folders is missed. */
export interface WatchedPaths {
  /** The folders to watch; all of them exist, and none is reached through a link. */
  readonly folders: ReadonlySet<string>
  /** Whether a change of this entry of a folder matters. */
  concerns(path: string): boolean
}

/**
 * Finds out what to watch for files and folders, which may be links, be reached through links, or be missing: the links, what
 * they lead to, and everything in the folders. A change of a missing path is noticed where the first missing part of it
 * would be. A file is watched by the folder that holds it, since a watch on the file would end when an editor replaces it.
 */
export function watchedPaths(paths: readonly string[]): WatchedPaths {
  const entries = new Set<string>()
  const folders = new Set<string>()
  const trees = new Set<string>()

  const addFolder = (folder: string) => {
    if (trees.has(folder)) return
    trees.add(folder)
    folders.add(folder)
    for (const entry of entriesOf(folder)) {
      if (entry.isDirectory()) addFolder(join(folder, entry.name))
      else if (entry.isSymbolicLink()) add(join(folder, entry.name))
    }
  }
  const add = (path: string) => {
    const { passed, isFolder } = follow(path)
    for (const each of passed) {
      entries.add(each)
      folders.add(dirname(each))
    }
    const end = passed.at(-1)
    if (isFolder && end !== undefined) addFolder(end)
  }
  for (const path of paths) add(resolve(path))
  return { folders, concerns: (path) => entries.has(path) || trees.has(dirname(path)) }
}

/**
 * Follows a path through all links in it: the real paths of the links passed, then that of the end, which is a folder or a
 * file, or the first part that is missing.
 */
function follow(path: string): { readonly passed: readonly string[]; readonly isFolder: boolean } {
  const { root } = parse(path)
  const passed: string[] = []
  let rest = partsOf(path)
  let current = root
  let isFolder = true
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    const next = join(current, part)
    const found = lstatSync(next, { throwIfNoEntry: false })
    isFolder = found?.isDirectory() ?? false
    if (found?.isSymbolicLink() && passed.length < MOST_LINKS) {
      passed.push(next)
      const target = resolve(current, readlinkSync(next))
      rest = [...partsOf(target), ...rest]
      current = root
    } else {
      current = next
      if (!isFolder) break
    }
  }
  return { passed: [...passed, current], isFolder }
}

function partsOf(path: string): string[] {
  return path.split(sep).filter((part) => part !== '')
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return [] // it was removed meanwhile, or may not be read
  }
}
