import { existsSync } from 'node:fs'
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A limit of memory, as a container has one: the kernel kills a process that exceeds it. */
export interface MemoryLimit {
  readonly kind: 'version 1' | 'version 2'
  /** The command that runs another one under the limit. */
  readonly inside: readonly string[]
  close(): Promise<void>
}

const ROOT = '/sys/fs/cgroup'

/** Makes a cgroup with this limit; undefined where that is not possible, since it needs Linux and root. */
export async function openMemoryLimit(mebibytes: number): Promise<MemoryLimit | undefined> {
  const [parent, kind, file] = existsSync(join(ROOT, 'memory'))
    ? ([join(ROOT, 'memory'), 'version 1', 'memory.limit_in_bytes'] as const)
    : ([ROOT, 'version 2', 'memory.max'] as const)
  const folder = join(parent, `jobico-test-${process.pid}`)
  try {
    await mkdir(folder)
    await writeFile(join(folder, file), String(mebibytes * 2 ** 20))
    await readFile(join(folder, file), 'utf8')
  } catch {
    await rmdir(folder).catch(() => undefined)
    return undefined
  }
  const procs = join(folder, 'cgroup.procs')
  return {
    kind,
    inside: ['/bin/sh', '-c', `echo $$ > ${procs} && exec "$@"`, 'limited'],
    close: () => rmdir(folder),
  }
}
