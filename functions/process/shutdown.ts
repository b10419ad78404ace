import { exitAfter, type Log } from './log.ts'

/**
 * Runs `stop` once, at SIGTERM or SIGINT, or when the parent closes this process's IPC channel. Then the process ends: with
 * exit code 0, or with 1 if `stop` fails or takes longer than `graceMs`.
 */
export function onShutdown(log: Log, graceMs: number, stop: () => Promise<void>): void {
  let stopping = false
  const begin = (reason: string) => {
    if (stopping) return
    stopping = true
    log.info({ reason }, 'Stopping')
    setTimeout(() => end(log, 1, 'Stopped before all was finished'), graceMs).unref()
    stop().then(
      () => end(log, 0, 'Stopped'),
      (err: unknown) => {
        log.error({ err }, 'Could not stop cleanly')
        end(log, 1, 'Stopped')
      },
    )
  }
  process.on('SIGTERM', begin).on('SIGINT', begin)
  process.on('disconnect', () => begin('disconnect'))
  // The parent may have ended while this process was starting. Without a parent's channel, this is undefined.
  if ((process.connected as boolean | undefined) === false) begin('disconnect')
}

function end(log: Log, code: number, message: string): void {
  log.info(message)
  exitAfter(log, code)
}
