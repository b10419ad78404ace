import { createRequire } from 'node:module'

/**
 * Importing this leaves processes with --permission as their program starts them. tap changes the environment of each process
 * that a test starts, so that the process loads a module of tap's first; without permission for what that does, it ends there.
 */

interface Started {
  env: NodeJS.ProcessEnv
  readonly args: readonly string[]
}
interface ProcessOnSpawn {
  addListener(listener: (started: Started) => void): void
  prependListener(listener: (started: Started) => void): void
}

// What tap itself uses: its listener is between these two.
const { addListener, prependListener } = createRequire(import.meta.url)('process-on-spawn') as ProcessOnSpawn
let given: NodeJS.ProcessEnv = {}
prependListener(({ env }) => {
  given = env
})
addListener((started) => {
  if (started.args.includes('--permission')) started.env = given
})
