/** Aborts at the first SIGINT, SIGTERM, SIGHUP or end of the IPC channel; the same signal again ends the process. */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect'])
    process.once(signal, () => {
      stopping.abort()
    })
  return stopping.signal
}
