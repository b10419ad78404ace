import { createHmac, timingSafeEqual } from 'node:crypto'
import { realpathSync } from 'node:fs'

import { userSecret, type CacheEnvironment } from '../user-cache.ts'

/** The header of a request that asks the gateway to prove whose it is; its value is any text that was not used before. */
export const CHALLENGE_HEADER = 'jobico-challenge'
/** The header of the answer. */
export const PROOF_HEADER = 'jobico-proof'

/** Proves that an answer comes from a `jobico dev` of this user, in one folder. */
export interface Prover {
  /** The proof for a challenge and the body of the answer. */
  prove(challenge: string, body: string): string
  /** Whether it is that proof. */
  verify(proof: string | null, challenge: string, body: string): boolean
}

/**
 * A prover for a folder. Its key is in the user's cache, where no other user and no project can read it. Throws what
 * `userSecret` throws.
 */
export function createProver(environment: CacheEnvironment, folder: string): Prover {
  const key = userSecret(environment, 'dev.key')
  const place = realpathSync(folder)
  const prove = (challenge: string, body: string) =>
    createHmac('sha256', key)
      .update(JSON.stringify([place, challenge, body]))
      .digest('base64url')
  return {
    prove,
    verify(proof, challenge, body) {
      const [given, wanted] = [proof ?? '', prove(challenge, body)].map((text) => Buffer.from(text))
      return given?.length === wanted?.length && timingSafeEqual(given as Buffer, wanted as Buffer)
    },
  }
}
