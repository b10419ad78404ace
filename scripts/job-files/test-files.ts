import { chdir, cwd } from 'node:process'
import { JobFileError, type JobFileFault } from './fault.ts'
import { loadJobs } from './load.ts'

/** The faults of files, whose paths are given as by a user in `folder`; messages have these paths. */
export async function faultsIn(folder: string, paths: readonly string[]): Promise<readonly JobFileFault[]> {
  const before = cwd()
  chdir(folder)
  try {
    await loadJobs(paths)
    return []
  } catch (thrown) {
    if (thrown instanceof JobFileError) return thrown.faults
    throw thrown
  } finally {
    chdir(before)
  }
}

const event = ['    - name: ev1', '      wasm: a.wasm', '      schema: {key: s}']
/** A Job of these lines below its kind. */
export const jobOf = (...lines: string[]) =>
  ['apiVersion: jobico.coeux.dev/v1', 'kind: Job', ...lines].join('\n')

/** A Job `a` with the event `ev1`, on `a.wasm` and with the schema `s`; `lines` follow those of the event. */
export const job = (...lines: string[]) =>
  jobOf('metadata: {name: a}', 'spec:', '  events:', ...event, ...lines)

/** A ConfigMap with this data. */
export const configMap = (name: string, data: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: ${data}`

/** A Secret `sec`; `data` is the YAML below its metadata. */
export const secret = (data: string) => `apiVersion: v1\nkind: Secret\nmetadata: {name: sec}\n${data}`

/** The ConfigMap of the schema `s`, which accepts everything. */
export const schema = configMap('s', '{s: "{}"}')

/** One file of these documents. */
export const documents = (...all: string[]) => all.join('\n---\n') + '\n'
