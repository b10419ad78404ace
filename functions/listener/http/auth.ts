import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'

import { JobicoError, messageOf } from '../../process/errors.ts'
import type { Log } from '../../process/log.ts'

/** Tells whether the value of an Authorization header carries a valid token. */
export type Authorize = (authorization: string | undefined) => boolean

const CHECK_EVERY_MS = 1_000
const BEARER = /^bearer +([\x21-\x7e]+) *$/i
const TOKEN = /^[\x21-\x7e]+$/

/**
 * Accepts the bearer tokens of a file, one a line. A change of the file takes effect within a second. While the file can not
 * be read, the last tokens stay valid. Throws CONFIG_INVALID if it has no token at the start.
 */
export function bearerAuth(path: string, log: Log, now = () => performance.now()): Authorize {
  // The fingerprint is taken first, so that the next check sees a change in between.
  let lastFingerprint = fingerprint(path)
  let digests = readDigests(path)
  let checkedAt = now()
  if (digests.length === 0) throw invalid(path, 'has no token; write one valid token a line')

  const refresh = () => {
    if (now() - checkedAt < CHECK_EVERY_MS) return
    checkedAt = now()
    try {
      const current = fingerprint(path)
      if (current === lastFingerprint) return
      lastFingerprint = current
      digests = readDigests(path)
      log.info({ tokens: digests.length }, 'Read the tokens again')
    } catch (err) {
      log.error({ err }, 'Could not read the tokens again; the last ones stay valid')
    }
  }
  return (authorization) => {
    refresh()
    const token = BEARER.exec(authorization ?? '')?.[1]
    return token !== undefined && isAmong(digests, digestOf(token))
  }
}

/** Compares with every digest, so that the time taken does not reveal which one was close. */
function isAmong(digests: readonly Buffer[], digest: Buffer): boolean {
  let found = false
  for (const valid of digests) found = timingSafeEqual(valid, digest) || found
  return found
}

function readDigests(path: string): readonly Buffer[] {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.trim())
  const wrong = lines.findIndex((line) => line !== '' && !TOKEN.test(line))
  if (wrong !== -1)
    throw invalid(path, `has no token in line ${wrong + 1}: blanks and non-ASCII can not be sent`)
  return lines.filter((line) => line !== '').map(digestOf)
}

function fingerprint(path: string): string {
  try {
    const { ino, mtimeMs, size } = statSync(path)
    return `${ino} ${mtimeMs} ${size}`
  } catch (cause) {
    throw invalid(path, `can not be read: ${messageOf(cause)}`, cause)
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function invalid(path: string, problem: string, cause?: unknown): JobicoError {
  return new JobicoError('CONFIG_INVALID', `JOBICO_AUTH_FILE: ${path} ${problem}`, { cause })
}
