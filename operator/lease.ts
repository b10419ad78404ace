import type { Log } from '../functions/shared/log.ts'
import type { Kube } from '../knative/kube/client.ts'

/** Who competes for what. */
export interface LeadershipOptions {
  readonly kube: Kube
  readonly namespace: string
  /** Of the Lease. */
  readonly name: string
  /** Of this process; no two may have the same. */
  readonly identity: string
  readonly log: Log
  /** Ends the candidacy, and releases the Lease once `lead` is over. */
  readonly signal: AbortSignal
  /**
   * What only one process does; begun each time that leadership is won. Its signal aborts when leadership is lost or to end,
   * before anybody else can win it: it must stop then. What it throws ends the candidacy, too.
   */
  readonly lead: (signal: AbortSignal) => Promise<void>
}

/**
 * Leads whenever this process holds the Lease, until the signal aborts. Resolves when all is over and the Lease released;
 * rejects with what `lead` throws. Faults of the API server are logged and outlived.
 */
export declare function leadership(options: LeadershipOptions): Promise<void>
