import { restartDelayMs } from './backoff.ts'
import type { ChildSpec } from '../desired-processes.ts'
import { runChild, type ChildRun, type Launching } from './process.ts'

/** A child that does not serve within this time of its first start has failed. */
const FIRST_START_LIMIT_MS = 20_000

/** A child that is kept running. */
export interface Supervised {
  readonly spec: ChildSpec
  /** Resolves when it first serves. If it ends before, or is too slow, rejects with the reason, and it is not restarted. */
  readonly ready: Promise<void>
  /** The port on which it serves; undefined while it is down, and for a runner. */
  port(): number | undefined
  /** The current process. */
  pid(): number | undefined
  /** Ends it gracefully with no restart; kills it after `limitMs`. */
  stop(limitMs: number): Promise<void>
  /** Kills it, with no restart. */
  kill(): void
}

interface State {
  run: ChildRun
  port: number | undefined
  stopped: boolean
  /** Whether it has ever served. If it ends before, the start has failed, and it is not restarted. */
  served: boolean
  delayMs: number | undefined
  timer: NodeJS.Timeout | undefined
}

/** Starts a child, and restarts it with back-off whenever it ends. Calls `onPort` after every change of its port. */
export function supervise(spec: ChildSpec, launching: Launching, onPort: () => void): Supervised {
  const state: State = {
    run: runChild(spec, launching),
    port: undefined,
    stopped: false,
    served: false,
    delayMs: undefined,
    timer: undefined,
  }
  const setPort = (port: number | undefined) => {
    if (port === state.port) return
    state.port = port
    onPort()
  }
  const follow = (startedAt: number) => {
    const { run } = state
    void run.ready.then((port) => {
      state.served = true
      setPort(port)
    })
    void run.ended.then((reason) => {
      setPort(undefined)
      if (state.stopped || !state.served) return
      state.delayMs = restartDelayMs(state.delayMs, performance.now() - startedAt)
      const text = `the ${spec.component} of ${spec.event} ended (${reason}); starting it again in ${state.delayMs} ms`
      launching.show({ kind: 'note', level: 'warn', text })
      state.timer = setTimeout(() => {
        state.run = runChild(spec, launching)
        follow(performance.now())
      }, state.delayMs)
    })
  }
  const ready = firstReady(spec, state)
  follow(performance.now())
  return {
    spec,
    ready,
    port: () => state.port,
    pid: () => state.run.pid,
    async stop(limitMs) {
      cancelRestart(state)
      await state.run.stop(limitMs)
    },
    kill() {
      cancelRestart(state)
      state.run.kill()
    },
  }
}

function cancelRestart(state: State): void {
  state.stopped = true
  clearTimeout(state.timer)
}

async function firstReady({ component, event }: ChildSpec, state: State): Promise<void> {
  const { run } = state
  const limit = Promise.withResolvers<string>()
  const timer = setTimeout(
    () => limit.resolve(`it was not ready after ${FIRST_START_LIMIT_MS / 1_000} s`),
    FIRST_START_LIMIT_MS,
  )
  const failure = await Promise.race([run.ready.then(() => undefined), run.ended, limit.promise])
  clearTimeout(timer)
  if (failure === undefined || state.stopped) return
  state.stopped = true
  run.kill()
  throw new Error(`the ${component} of ${event} did not start: ${failure}`)
}
