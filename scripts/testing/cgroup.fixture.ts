import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the processes of a pod may take, as its manifest says. */
export interface Share {
  /** The kernel kills a process that takes more than this limit. */
  readonly memoryMiB?: number
  /** Thousandths of a processor that are requested: while processors are short, each pod gets time in this proportion. */
  readonly cpuMillis?: number
}

/** A group of processes that have a share together, as those of a pod do. */
export interface Cgroup {
  readonly kind: 'version 1' | 'version 2'
  /** The command that runs another one in the group. */
  readonly inside: readonly string[]
  /** Moves a process into the group, with all its threads; does nothing when it has ended. */
  add(pid: number | undefined): void
  /** Removes the group, in which no process may be any more. */
  close(): void
}

const ROOT = '/sys/fs/cgroup'
let made = 0

/** Makes a cgroup with this share; undefined where that is not possible, since it needs Linux and root. */
export function openCgroup(share: Share): Cgroup | undefined {
  const kind = existsSync(join(ROOT, 'memory')) ? 'version 1' : 'version 2'
  const name = `jobico-test-${process.pid}-${made++}`
  const settings = settingsOf(kind, share)
  const folders = [...new Set(settings.map(({ hierarchy }) => join(ROOT, hierarchy, name)))]
  const close = () => {
    for (const folder of folders) if (existsSync(folder)) rmdirSync(folder)
  }
  try {
    for (const folder of folders) mkdirSync(folder)
    for (const { hierarchy, file, value } of settings) {
      const path = join(ROOT, hierarchy, name, file)
      writeFileSync(path, String(value))
      readFileSync(path)
    }
  } catch {
    close()
    return undefined
  }
  const lists = folders.map((folder) => join(folder, 'cgroup.procs'))
  const enter = lists.map((list) => `echo $$ > ${list}`).join(' && ')
  return {
    kind,
    inside: ['/bin/sh', '-c', `${enter} && exec "$@"`, 'limited'],
    add(pid) {
      if (pid === undefined || !existsSync(`/proc/${pid}`)) return
      for (const list of lists) writeFileSync(list, String(pid))
    },
    close,
  }
}

interface Setting {
  readonly hierarchy: string
  readonly file: string
  readonly value: number
}

/** The share of a whole processor, where the group of a process that nothing is said about has as much. */
const WHOLE_PROCESSOR = { 'version 1': 1_024, 'version 2': 100 } as const
/** Less is not taken by version 1. */
const LEAST_SHARE = 2

function settingsOf(kind: Cgroup['kind'], { memoryMiB = NaN, cpuMillis = NaN }: Share): readonly Setting[] {
  const bytes = memoryMiB * 2 ** 20
  const share = Math.max(LEAST_SHARE, Math.round((cpuMillis / 1_000) * WHOLE_PROCESSOR[kind]))
  const settings =
    kind === 'version 1'
      ? [
          { hierarchy: 'memory', file: 'memory.limit_in_bytes', value: bytes },
          { hierarchy: 'cpu', file: 'cpu.shares', value: share },
        ]
      : [
          { hierarchy: '', file: 'memory.max', value: bytes },
          { hierarchy: '', file: 'cpu.weight', value: share },
        ]
  return settings.filter(({ value }) => !Number.isNaN(value))
}
