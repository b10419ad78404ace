import type { NatsConnection } from '@nats-io/transport-node'

import { watchStorage, type StorageWatch } from '../functions/storage/watch.ts'
import type { NatsLink } from './nats/link.ts'
import { connectionOf } from './nats/links.ts'

/** What the guards of the NATS servers say, over all connections of a link. */
export interface StorageView extends Pick<StorageWatch, 'reports' | 'low'> {
  /** Call it whenever the link came up. */
  follow(link: NatsLink): void
}

/** Makes a view that calls `onChange` whenever new events begin or cease to be refused. */
export function createStorageView(onChange: () => void): StorageView {
  let followed: NatsConnection | undefined
  let watch: StorageWatch | undefined
  let wasLow = false
  const compare = () => {
    const isLow = watch?.low() !== undefined
    if (isLow !== wasLow) onChange()
    wasLow = isLow
  }
  return {
    reports: () => watch?.reports() ?? [],
    low: () => watch?.low(),
    follow(link) {
      const connection = connectionOf(link)
      if (connection === undefined || connection === followed) return
      watch?.close()
      followed = connection
      watch = watchStorage(connection, compare)
    },
  }
}
