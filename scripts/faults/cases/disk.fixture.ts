import { dirname } from 'node:path'

import type { FaultsConfig } from '../config.ts'

const WRITES = 'pwrite64,fsync,fdatasync'

/** The command that runs a program each of whose writes to the disk takes so much longer. */
export function slowDisk(
  { strace, unwind }: Pick<FaultsConfig, 'strace' | 'unwind'>,
  delayMs: number,
): readonly string[] {
  const slowed = [`trace=${WRITES}`, `inject=${WRITES}:delay_enter=${delayMs * 1_000}`]
  return [
    ...['env', `LD_LIBRARY_PATH=${dirname(unwind)}`],
    ...[strace, '-f', '-qq', '-o', '/dev/null', ...slowed.flatMap((what) => ['-e', what])],
  ]
}
