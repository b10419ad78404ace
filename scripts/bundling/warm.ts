import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The last step of the image, run inside it as `warm.js CACHE-FOLDER`: starts each process with nothing to work with, so that
 * Node leaves the compiled code there. Fails when one of them does not come as far as to say what it misses.
 */

/** The user of the image. Node keeps the code of each user apart. */
const USER = 1000
const PROCESSES = ['operator', 'listener', 'runner']

const [, , cache = ''] = process.argv
mkdirSync(cache)
chownSync(cache, USER, USER)
for (const name of PROCESSES) {
  // The seed makes the code the same each time; V8 takes the code without it, too.
  const args = ['--random-seed=1', join(import.meta.dirname, `${name}.js`)]
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    uid: USER,
    gid: USER,
    env: { NODE_COMPILE_CACHE: cache },
    encoding: 'utf8',
  })
  if (!stdout.includes('CONFIG_INVALID')) throw new Error(`${name} did not start: ${stdout}${stderr}`)
}
