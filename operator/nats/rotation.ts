import {
  beginRotation,
  endRotation,
  switchKeys,
  type InstallationKeys,
} from '../../functions/identity/keys.ts'

/**
 * How far a rotation of the keys is, as the annotation says it:
 *
 * - `RestartServers`: there is a new key; servers know it once they are started anew.
 * - `Switched`: all servers know it, and it signs. What the key before has signed is still taken.
 */
export type RotationPhase = 'RestartServers' | 'Switched'

/** What a user writes into the annotation: `Begin`, and when it says `Switched`, `End`. */
export const REQUESTS = { begin: 'Begin', end: 'End' } as const

/** What the next step of a rotation depends on. */
export interface RotationFacts {
  /** The annotation. */
  readonly says: string | undefined
  /** Whether all servers take what the new key signs; asked only while there is one that does not sign yet. */
  readonly serversKnowNext: (keys: InstallationKeys) => Promise<boolean>
  /** Whether accounts and Secrets are signed by the current key. */
  readonly isIssued: boolean
  readonly now: Date
}

/** The keys after the next step of a rotation; the same keys if none is due. */
export async function nextKeys(keys: InstallationKeys, facts: RotationFacts): Promise<InstallationKeys> {
  const { says, serversKnowNext, isIssued, now } = facts
  if (keys.next !== undefined) return (await serversKnowNext(keys)) ? switchKeys(keys, now) : keys
  if (keys.previous !== undefined) return says === REQUESTS.end && isIssued ? endRotation(keys, now) : keys
  return says === REQUESTS.begin ? beginRotation(keys, now) : keys
}

/** What the annotation is to say; a request that waits stays. Pure. */
export function phaseOf(keys: InstallationKeys, says: string | undefined): string | undefined {
  if (keys.next !== undefined) return 'RestartServers' satisfies RotationPhase
  if (keys.previous !== undefined) return says === REQUESTS.end ? says : ('Switched' satisfies RotationPhase)
  return undefined
}
