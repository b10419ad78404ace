import { StorageType, type StreamInfo } from '@nats-io/jetstream'

import type { QueueSettings } from '../queues/stream-config.ts'

/** The settings that a stream was made with; `maxBytes` is right for a queue only. Pure. */
export function settingsOf({ config }: StreamInfo): QueueSettings {
  return {
    storage: config.storage === StorageType.Memory ? 'Memory' : 'File',
    maxBytes: config.max_bytes,
    duplicateWindowSeconds: Math.ceil(config.duplicate_window / 1e9),
    replicas: config.num_replicas,
  }
}

/** The metadata of a stream, without what the server has added of its own. Pure. */
export function metadataOf(stream: StreamInfo | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(stream?.config.metadata ?? {}).filter(([name]) => !name.startsWith('_nats')),
  )
}
