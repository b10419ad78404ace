import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'

import { writeEditorFiles } from '../../dev/project-links/editor-files.ts'
import { linkPackage } from '../../dev/project-links/link-package.ts'
import { print } from '../terminal/output.ts'
import { newProject, type Template } from './templates/project-files.ts'

/** The options of `jobico init`. */
export interface InitOptions {
  readonly template: Template
}

const JOB_NAME = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/
const MAX_JOB_NAME = 40

/** Makes a project with one Job in a folder, which has to be new or empty. Throws an Error that names the fix. */
export async function init(folder: string, { template }: InitOptions): Promise<void> {
  const target = resolve(folder)
  const name = basename(target)
  if (!JOB_NAME.test(name) || name.length > MAX_JOB_NAME) {
    throw new Error(
      `${name} can not be the name of a Job: it takes up to ${MAX_JOB_NAME} lower-case letters, digits and hyphens, such as jobico init my-job`,
    )
  }
  await mkdir(target, { recursive: true })
  if ((await readdir(target)).length > 0)
    throw new Error(`the folder ${folder} is not empty; choose another name, or empty it first`)
  const { event, files } = newProject(name, template)
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(target, path)), { recursive: true })
    await writeFile(join(target, path), content)
  }
  await writeEditorFiles(target)
  await linkPackage(target)
  print(nextSteps(target, event))
}

function nextSteps(target: string, event: string): string {
  return `made a Job in ${target}

next:
  cd ${relative(process.cwd(), target) || '.'}
  npx jobico dev                                     # compiles and serves it; reloads when a file is saved
  npx jobico send ${event} --file event.json --wait     # in another terminal
  npm test                                           # runs its examples, and test/`
}
