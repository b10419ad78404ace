import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { Script } from 'node:vm'

/**
 * The last step of the image, run inside it: leaves beside each `<name>.code.js` all that V8 makes of it. The compile cache
 * of Node itself would hold next to nothing of such a file, since most functions are compiled when they are called. With a
 * --random-seed and --single-threaded-gc, the same code gives the same bytes.
 */

const folder = import.meta.dirname
for (const name of readdirSync(folder)) {
  if (!name.endsWith('.code.js')) continue
  const filename = join(folder, name)
  const source = readFileSync(filename, 'latin1')
  setFlagsFromString('--no-lazy')
  const script = new Script(source, { filename })
  setFlagsFromString('--lazy') // V8 takes code only under the flags that it was made with
  const cachedData = script.createCachedData()
  if (new Script(source, { filename, cachedData }).cachedDataRejected === true)
    throw new Error(`V8 does not take back what it made of ${name}`)
  writeFileSync(`${filename}.cache`, cachedData)
}
