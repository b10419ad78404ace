/** Where Jobs will run. It decides what their files may contain. */
export interface Place {
  /** The namespace of documents without one. */
  readonly namespace: string
  /**
   * True for a cluster: event names are unique per namespace, and objects may be there already. False for this machine:
   * event names are unique across all namespaces, and the files have to have everything.
   */
  readonly inCluster: boolean
}

/** This machine. */
export const THIS_MACHINE: Place = { namespace: 'default', inCluster: false }
