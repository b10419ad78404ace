import { exitAfter, type Log } from './log.ts'

/** Without its parent a process has no NATS, so it can finish nothing. */
const ORPHAN_GRACE_MS = 2_000

/**
 * Runs `stop` once, at SIGTERM or SIGINT, or when the parent closes this process's IPC channel. Then the process ends: with
 * exit code 0, or with 1 if `stop` fails or takes longer than `graceMs`, or two seconds without its parent.
 */
export function onShutdown(log: Log, graceMs: number, stop: () => Promise<void>): void {
  let stopping = false
  const begin = (reason: string, mostMs = graceMs) => {
    if (stopping) return
    stopping = true
    log.info({ reason }, 'Stopping')
    setTimeout(() => end(log, 1, 'Stopped before all was finished'), Math.min(graceMs, mostMs)).unref()
    stop().then(
      () => end(log, 0, 'Stopped'),
      (err: unknown) => {
        log.error({ err }, 'Could not stop cleanly')
        end(log, 1, 'Stopped')
      },
    )
  }
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => begin(signal))
  process.on('disconnect', () => begin('disconnect', ORPHAN_GRACE_MS))
  // The parent may have ended while this process was starting. Without a parent's channel, this is undefined.
  if ((process.connected as boolean | undefined) === false) begin('disconnect', ORPHAN_GRACE_MS)
}

function end(log: Log, code: number, message: string): void {
  log.info(message)
  exitAfter(log, code)
}
