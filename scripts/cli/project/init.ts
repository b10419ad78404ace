import { lstatSync, statSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'

import { writeEditorFiles } from '../../dev/project-links/editor-files.ts'
import { linkPackage } from '../../dev/project-links/link-package.ts'
import { openStateDir } from '../../dev/state-dir.ts'
import { replaceFile } from '../../replace-file.ts'
import { print } from '../terminal/output.ts'
import { addedLines } from './added-lines.ts'
import { dependencyOn, ownPackage, packInto } from './own-package.ts'
import { newProject, type Template } from './templates/project-files.ts'

/** The options of `jobico init`. */
export interface InitOptions {
  readonly template: Template
  /** The name of the Job; by default that of the folder. */
  readonly name?: string
}

const JOB_NAME = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/
const MAX_JOB_NAME = 40

/** Files that a project needs, but that may be somebody's own: they are left as they are. */
const KEPT = /^(?:README\.md|package\.json|\.vscode\/.*)$/

/**
 * Makes a project with one Job in a folder, which may hold other files, such as those of a fresh clone. Overwrites none: it
 * adds to `.gitignore`, and leaves a README, a package.json and the editor's settings alone. Throws an Error that names the fix,
 * and has then written nothing.
 */
export async function init(folder: string, { template, name }: InitOptions): Promise<void> {
  const target = resolve(folder)
  const job = jobName(name ?? basename(target), name === undefined)
  const own = await ownPackage()
  const dependency = dependencyOn(own)
  const { event, files } = newProject(job, template, dependency)
  assertFree(target, folder, Object.keys(files))
  await mkdir(target, { recursive: true })
  if (dependency.tarball !== undefined) await packInto(target, own)
  const kept = Object.keys(files).filter((path) => KEPT.test(path) && exists(join(target, path)))
  for (const [path, content] of Object.entries(files)) {
    const file = join(target, path)
    await mkdir(dirname(file), { recursive: true })
    if (path === '.gitignore') await addLines(file, content)
    else if (!kept.includes(path)) await writeFile(file, content, { flag: 'wx' })
  }
  await writeEditorFiles(openStateDir(target))
  await linkPackage(target)
  print(
    [
      `made a Job in ${target}`,
      ...keptLines(kept, files['package.json'] ?? ''),
      ...nextSteps(target, event),
    ].join('\n'),
  )
}

function jobName(name: string, isOfFolder: boolean): string {
  if (JOB_NAME.test(name) && name.length <= MAX_JOB_NAME) return name
  const fix = isOfFolder ? 'choose another folder, or name the Job with --name' : 'choose another one'
  throw new Error(
    `${name} can not be the name of a Job: it takes up to ${MAX_JOB_NAME} lower-case letters, digits and hyphens; ${fix}, such as my-job`,
  )
}

/** Throws an Error if a file of the project would overwrite one, or if its folder is a file. */
function assertFree(target: string, folder: string, paths: readonly string[]): void {
  if (exists(target) && !isFolder(target)) throw new Error(`${folder} is a file; choose another folder`)
  const wanted = paths.filter((path) => path !== '.gitignore' && !KEPT.test(path))
  const inTheWay = ['job.yml', ...wanted].filter((path) => isInTheWay(target, path))
  if (inTheWay.length === 0) return
  throw new Error(
    `jobico init overwrites nothing, and ${folder} has ${inTheWay.join(', ')} already; move ${inTheWay.length === 1 ? 'it' : 'these'} away, or make the project in another folder`,
  )
}

function isInTheWay(target: string, path: string): boolean {
  const above = join(target, dirname(path))
  return exists(join(target, path)) || (exists(above) && !isFolder(above))
}

function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return false // a folder in the path is a file
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

async function addLines(file: string, content: string): Promise<void> {
  const before = await readFile(file, 'utf8').catch(() => '')
  await replaceFile(file, before + addedLines(before, content))
}

function nextSteps(target: string, event: string): readonly string[] {
  const way = relative(process.cwd(), target)
  return [
    '',
    'next:',
    ...(way === '' ? [] : [`  cd ${way}`]),
    '  npx jobico dev                                     # compiles and serves it; reloads when a file is saved',
    `  npx jobico send ${event} --file event.json --wait     # in another terminal`,
    '  npm test                                           # runs its examples, and test/',
  ]
}

/** What was left alone, and the command that adds to a package.json what the project needs in it. */
function keptLines(kept: readonly string[], wanted: string): readonly string[] {
  if (kept.length === 0) return []
  const lines = ['', `left as they were: ${kept.join(', ')}`]
  if (!kept.includes('package.json')) return lines
  const { devDependencies, scripts } = JSON.parse(wanted) as {
    devDependencies: Readonly<Record<string, string>>
    scripts: Readonly<Record<string, string>>
  }
  const settings = Object.entries({ devDependencies, scripts }).flatMap(([field, values]) =>
    Object.entries(values).map(([key, value]) => `'${field}.${key}=${value}'`),
  )
  return [
    ...lines,
    'add to package.json what the project needs, in its folder; this replaces scripts of the same names:',
    `  npm pkg set ${settings.join(' ')}`,
    "  npm pkg set --json 'allowScripts.node=true'",
  ]
}
