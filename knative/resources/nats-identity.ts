/** The Secret with the keys of the installation, in the namespace of the operator, and its entries. */
export const NATS_KEYS = {
  secret: 'jobico-nats-keys',
  keys: 'keys.json',
  /** With which the servers of a cluster know each other. */
  clusterPassword: 'cluster-password',
  /** The credentials of the containers that watch the disks. */
  storage: 'storage.creds',
} as const

/** The ConfigMap with the servers' part of the configuration, and its entries. It has no secret. */
export const NATS_SERVER = {
  configMap: 'jobico-nats-server',
  config: 'identities.conf',
  /** The name of the installation, from which the names of accounts follow. */
  id: 'id',
} as const

/** Where the servers keep the tokens of accounts: beside their streams, which are of no use without them. */
export const NATS_ACCOUNTS_FOLDER = '/data/accounts'

/** The Secret with the credentials of a namespace's parts, in that namespace. */
export const NATS_CREDENTIALS = 'jobico-nats'

/** The entry of a part in that Secret. */
export function credentialsKey(part: 'listener' | 'runner' | 'cli'): string {
  return `${part}.creds`
}
