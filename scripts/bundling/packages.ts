import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const PACKAGE_FOLDER = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//

/** A package of which files are bundled. Paths are relative to the root of the repository. */
export interface BundledPackage {
  readonly folder: string
  readonly name: string
  readonly version: string
  /** An SPDX expression, such as MIT. */
  readonly license: string
  /** The people that package.json names; empty if it names none. */
  readonly author: string
  /** Its files that are bundled. */
  readonly files: readonly string[]
}

/** The packages to which files belong, each version once; the paths are relative to `root`. */
export async function packagesOf(root: string, files: readonly string[]): Promise<readonly BundledPackage[]> {
  const byFolder = Map.groupBy(files, (file) => PACKAGE_FOLDER.exec(file)?.[1])
  const folders = [...byFolder.keys()].filter((folder) => folder !== undefined).sort()
  const packages = await Promise.all(
    folders.map(async (folder) => {
      const manifest = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8')) as Manifest
      const { name, version, license = '', author = '' } = manifest
      const words = typeof author === 'string' ? author : author.name
      return { folder, name, version, license, author: words, files: byFolder.get(folder) ?? [] }
    }),
  )
  return [...new Map(packages.map((each) => [`${each.name}@${each.version}`, each])).values()]
}

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly author?: string | { readonly name: string }
}
