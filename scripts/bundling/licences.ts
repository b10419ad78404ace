import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const LICENCE_FILE = /^(licen[cs]e|copying|notice)(\.(md|txt))?$/i
const PACKAGE_FOLDER = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//

/** The licences of all packages to which the files belong; their paths are relative to `root`. */
export async function licences(root: string, files: readonly string[]): Promise<string> {
  const folders = new Set(
    files.map((file) => PACKAGE_FOLDER.exec(file)?.[1]).filter((folder) => folder !== undefined),
  )
  const texts = await Promise.all([...folders].sort().map((folder) => licenceOf(join(root, folder))))
  return texts.join(`\n${'-'.repeat(80)}\n\n`)
}

async function licenceOf(folder: string): Promise<string> {
  const { name, version, license } = JSON.parse(
    await readFile(join(folder, 'package.json'), 'utf8'),
  ) as Record<string, string>
  const files = (await readdir(folder)).filter((file) => LICENCE_FILE.test(file)).sort()
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
  return `${name ?? folder} ${version ?? ''} (${license ?? 'licence unknown'})\n\n${texts.join('\n').trim()}\n`
}
