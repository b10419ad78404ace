import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { Script } from 'node:vm'

/**
 * The last step of the image build, run inside the image: compiles each `<name>.code.js` as a whole and writes V8's cached
 * data beside it. Node's own compile cache would contain next to nothing of such a file, since V8 compiles most functions
 * only when they are called. With --random-seed and --single-threaded-gc, the same code gives the same bytes.
 */

const folder = import.meta.dirname
for (const name of readdirSync(folder)) {
  if (!name.endsWith('.code.js')) continue
  const filename = join(folder, name)
  const source = readFileSync(filename, 'latin1')
  setFlagsFromString('--no-lazy')
  const script = new Script(source, { filename })
  setFlagsFromString('--lazy') // V8 accepts cached data only under the flags with which it was created
  const cachedData = script.createCachedData()
  if (new Script(source, { filename, cachedData }).cachedDataRejected === true)
    throw new Error(`V8 rejects the cached data that it made for ${name}`)
  writeFileSync(`${filename}.cache`, cachedData)
}
