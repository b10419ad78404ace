import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { BundledPackage } from './packages.ts'

/** Such as LICENSE, LICENCE.md, LICENSE-MIT, UNLICENSE, COPYING.LESSER, NOTICE.txt and ThirdPartyNotices.txt. */
const LICENCE_FILE =
  /^(?:(?:un)?licen[cs]es?|copying|copyright|notices?|patents|third.?party.*)(?:[-._].*)?$/i
/** Source files may be named for a licence too. */
const SOURCE_FILE = /\.(?:[cm]?[jt]s|json|map)$/i
/** The comments at the start of a file that say whose it is. */
const HEADER = /^(?:\/\/.*\n|\/\*[^]*?\*\/\n?|\s)+/

/** The whole licences of packages, one after the other. Throws an Error for a package whose licence is not found. */
export async function licences(root: string, packages: readonly BundledPackage[]): Promise<string> {
  const texts = await Promise.all(packages.map((each) => licenceOf(root, each)))
  return texts.join(`\n${'-'.repeat(80)}\n\n`)
}

async function licenceOf(root: string, of: BundledPackage): Promise<string> {
  const { folder, name, version, license } = of
  const entries = await readdir(join(root, folder), { withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile() && LICENCE_FILE.test(entry.name) && !SOURCE_FILE.test(entry.name))
    .map((entry) => entry.name)
    .sort()
  const texts = await Promise.all(files.map((file) => readFile(join(root, folder, file), 'utf8')))
  const own = texts.length > 0 ? texts : await withoutFile(root, of)
  return `${name} ${version} (${license})\n\n${own.map((text) => text.trim()).join('\n\n')}\n`
}

/** The licence of a package that brings no text of it: what its files say, and the text that its package.json names. */
async function withoutFile(
  root: string,
  { name, license, author, files }: BundledPackage,
): Promise<string[]> {
  const headers = await Promise.all(
    files.map(async (file) => HEADER.exec(await readFile(join(root, file), 'utf8'))?.[0].trim() ?? ''),
  )
  const own = [...new Set(headers.filter((header) => /copyright/i.test(header)))].sort()
  if (license.includes('Apache-2.0')) return [...own, await readFile(join(root, 'LICENSE'), 'utf8')]
  if (license === 'MIT') return [...own, mit(author || `the authors of ${name}`)]
  throw new Error(`the package ${name} has no text of its licence (${license}); add one to scripts/bundling`)
}

function mit(author: string): string {
  return `MIT License

Copyright (c) ${author}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software
is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES
OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE
LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`
}
