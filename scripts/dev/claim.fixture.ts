import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 10

/** The pids of the nats-servers whose store is in a folder; Linux only. */
export function natsServersOf(folder: string): readonly number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    const [program = '', ...args] = argumentsOf(name)
    const isServer = program.includes('nats-server') && args.some((each) => each.startsWith(`${folder}/`))
    return isServer ? [Number(name)] : []
  })
}

function argumentsOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return [] // it has ended
  }
}

/** Looks again and again how many nats-servers there are on the store of a folder. */
export function watchNatsServers(folder: string): { stop(): Promise<number> } {
  const state = { most: 0, stopped: false }
  const look = async () => {
    while (!state.stopped) {
      state.most = Math.max(state.most, natsServersOf(folder).length)
      await delay(POLL_MS)
    }
  }
  const looking = look()
  return {
    /** Ends it, and gives the highest count. */
    async stop() {
      state.stopped = true
      await looking
      return state.most
    },
  }
}
