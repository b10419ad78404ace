import { chain } from './chain.ts'
import type { Dependency } from '../own-package.ts'
import { commonFiles, type Project } from './common.ts'
import { jsonClasses } from './json.ts'
import { minimal } from './minimal.ts'

/** The projects that `jobico init` can make. */
export const TEMPLATES = ['minimal', 'json', 'chain'] as const

/** One of TEMPLATES. */
export type Template = (typeof TEMPLATES)[number]

const MAKERS: Readonly<Record<Template, (name: string) => Project>> = { minimal, json: jsonClasses, chain }

/**
 * The files of a new project by path, and the event to which event.json is sent. `name` is the Job's; `jobico` is how the
 * project's package.json asks for this package. Pure.
 */
export function newProject(
  name: string,
  template: Template,
  jobico: Dependency,
): { readonly event: string; readonly files: Readonly<Record<string, string>> } {
  const project = MAKERS[template](name)
  return { event: project.event, files: { ...project.files, ...commonFiles(name, project, jobico) } }
}
