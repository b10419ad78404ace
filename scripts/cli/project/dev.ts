import pc from 'picocolors'

import { processEnvironment } from '../../dev/config.ts'
import { startDev, type Dev, type Serving } from '../../dev/dev.ts'
import { writeEditorFiles } from '../../dev/project-links/editor-files.ts'
import { stateDir } from '../../dev/state-dir.ts'
import { reorderBuffer } from '../../dev/output/reorder-buffer.ts'
import type { Show } from '../../dev/output/report.ts'
import { servingNotes } from '../../dev/output/serving.ts'
import { jsonView, textView } from '../../dev/output/view.ts'
import { findProject } from './find-project.ts'
import { print, type Format } from '../terminal/output.ts'

/** The options of `jobico dev`. */
export interface DevCommandOptions {
  readonly port: number
  readonly host: string
  readonly verbose?: boolean
  readonly output: Format
}

/** One Ctrl-C may send two signals: from the terminal, and from the parent process. Those within this time count as one. */
const SAME_SIGNAL_MS = 300
const KILLED_EXIT_CODE = 130

/** Runs Jobs on this machine until a signal stops it in order; a second Ctrl-C kills it, with exit code 130. */
export async function dev(files: readonly string[], options: DevCommandOptions): Promise<void> {
  const view = options.output === 'json' ? jsonView() : textView(pc, options.verbose ?? false)
  const { show, flush } = reorderBuffer((report) => {
    const line = view(report)
    if (line !== undefined) print(line, options.output)
  })
  const { folder, files: wanted } = findProject(files, 'dev')
  const ended = Promise.withResolvers<undefined>()
  const state: { running?: Dev } = {}
  onSignals((isFirst) => {
    if (state.running === undefined || !isFirst) {
      flush()
      state.running?.kill()
      process.exit(KILLED_EXIT_CODE)
    }
    show({ kind: 'note', level: 'info', text: 'stopping; Ctrl-C again ends it at once' })
    state.running.stop().then(ended.resolve as () => void, ended.reject)
  })
  state.running = await startDev({
    ...options,
    folder,
    files: wanted,
    logLevel: options.verbose ? 'debug' : 'info',
    environment: processEnvironment(),
    show,
    onServing:
      options.output === 'json' ? printInstance(folder) : noteServing(folder, show, options.verbose ?? false),
  })
  await ended.promise
  flush()
}

function onSignals(act: (isFirst: boolean) => void): void {
  let firstAt: number | undefined
  const first = () => {
    if (firstAt !== undefined) return
    firstAt = performance.now()
    act(true)
  }
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGQUIT', 'disconnect']) process.on(signal, first)
  process.on('SIGINT', () => {
    if (firstAt === undefined) first()
    else if (performance.now() - firstAt > SAME_SIGNAL_MS) act(false)
  })
}

/** Prints for programs what serves, as one line of JSON. */
function printInstance(folder: string): (serving: Serving) => Promise<void> {
  return async ({ instance, changed }) => {
    await writeEditorFiles(stateDir(folder))
    print(
      JSON.stringify({ level: 'info', time: new Date().toISOString(), ...instance, changed, msg: 'Serving' }),
    )
  }
}

/** Notes for people what serves, and what a reload changed. */
function noteServing(folder: string, show: Show, verbose: boolean): (serving: Serving) => Promise<void> {
  const notes = servingNotes(pc, verbose)
  return async (serving) => {
    await writeEditorFiles(stateDir(folder))
    for (const text of await notes(serving)) show({ kind: 'note', level: 'info', text })
  }
}
