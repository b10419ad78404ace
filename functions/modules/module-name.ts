import { isDigest } from './digest.ts'
import { JobicoError } from '../process/errors.ts'

/** The names that `wasm` of a Job's event allows. */
const MODULE_NAME = /^[A-Za-z0-9_][-._A-Za-z0-9]{0,252}$/

/** Throws MODULE_INVALID for a name that no Job can use, and for a name that is a digest other than `digest`. Pure. */
export function assertModuleName(name: string, digest: string): void {
  if (!MODULE_NAME.test(name))
    throw new JobicoError(
      'MODULE_INVALID',
      `${JSON.stringify(name.slice(0, 300))} can't be the name of a module: use at most 253 letters, digits, dots, dashes and underscores, the first no dot or dash`,
    )
  if (isDigest(name) && name !== digest)
    throw new JobicoError('MODULE_INVALID', `${name} is not the digest of these bytes, which is ${digest}`)
}
