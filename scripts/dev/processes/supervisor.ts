import { restartDelayMs } from './backoff.ts'
import type { ChildSpec } from '../desired-processes.ts'
import { runChild, type ChildRun, type Launching } from './process.ts'

/** A child that does not serve within this time of its first start has failed. */
const FIRST_START_LIMIT_MS = 20_000
/** So often a first start may be killed from outside before it has failed. */
const FIRST_START_KILLS = 3

/** A child that is kept running. */
export interface Supervised {
  readonly spec: ChildSpec
  /**
   * Resolves when it first serves. If it ends by itself before, is killed again and again, or is too slow, rejects with the
   * reason, and it is not restarted.
   */
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
  /** Whether it has ever served. */
  served: boolean
  /** How often it may still be killed before it has served. */
  killsLeft: number
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
    killsLeft: FIRST_START_KILLS,
    delayMs: undefined,
    timer: undefined,
  }
  const first: FirstStart = { served: Promise.withResolvers(), failed: Promise.withResolvers() }
  const setPort = (port: number | undefined) => {
    if (port === state.port) return
    state.port = port
    onPort()
  }
  const follow = (startedAt: number) => {
    const { run } = state
    void run.ready.then((port) => {
      state.served = true
      first.served.resolve(undefined)
      setPort(port)
    })
    void run.ended.then((reason) => {
      setPort(undefined)
      const mayRestart = state.served || (isSignal(reason) && state.killsLeft-- > 0)
      if (state.stopped || !mayRestart) {
        first.failed.resolve(reason)
        return
      }
      state.delayMs = restartDelayMs(state.delayMs, performance.now() - startedAt)
      const text = `the ${spec.component} of ${spec.event} ended (${reason}); starting it again in ${state.delayMs} ms`
      launching.show({ kind: 'note', level: 'warn', text })
      state.timer = setTimeout(() => {
        state.run = runChild(spec, launching)
        follow(performance.now())
      }, state.delayMs)
    })
  }
  const ready = firstReady(spec, state, first)
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

/** How the first start of a child ends: it serves, or it has failed for a reason. */
interface FirstStart {
  readonly served: PromiseWithResolvers<undefined>
  readonly failed: PromiseWithResolvers<string>
}

/** Whether a process was ended from outside, as by the kernel when memory is short. */
function isSignal(reason: string): boolean {
  return /^SIG[A-Z]+$/.test(reason)
}

async function firstReady(
  { component, event }: ChildSpec,
  state: State,
  { served, failed }: FirstStart,
): Promise<void> {
  const limit = Promise.withResolvers<string>()
  const timer = setTimeout(
    () => limit.resolve(`it was not ready after ${FIRST_START_LIMIT_MS / 1_000} s`),
    FIRST_START_LIMIT_MS,
  )
  const failure = await Promise.race([served.promise, failed.promise, limit.promise])
  clearTimeout(timer)
  if (failure === undefined || state.stopped) return
  cancelRestart(state)
  state.run.kill()
  throw new Error(`the ${component} of ${event} did not start: ${failure}`)
}
