/** Where the Jobs of files are to run, as far as it changes what the files may say. */
export interface Place {
  /** The namespace of documents that name none. */
  readonly namespace: string
  /** In a cluster each namespace has events of its own, and what the files lack can be there already; on one machine, neither. */
  readonly inCluster: boolean
}

/** This machine, where all Jobs run side by side. */
export const THIS_MACHINE: Place = { namespace: 'default', inCluster: false }
