import { delimiter, isAbsolute, sep } from 'node:path'

/**
 * A PATH on which no program of a project is found: without what npm and npx put before it (`node_modules/.bin` of the
 * project), and without folders that are relative to the current one. Otherwise a cloned project could bring a nats-server or a
 * python3 along, and have it run. Pure.
 */
export function programPath(path: string): string {
  return path
    .split(delimiter)
    .filter((folder) => isAbsolute(folder) && !folder.split(sep).includes('node_modules'))
    .join(delimiter)
}

/** Gives this process, and all that it starts, such a PATH. */
export function leaveProjectsPrograms(): void {
  process.env['PATH'] = programPath(process.env['PATH'] ?? '')
}
