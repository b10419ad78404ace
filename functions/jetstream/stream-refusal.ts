import { JetStreamApiError, StorageType, type JetStreamManager, type StreamConfig } from '@nats-io/jetstream'

import { JobicoError } from '../process/errors.ts'
import { answerTo } from './manager.ts'

/** The configuration wanted for a stream; the server chooses the rest. */
export type NamedStream = Partial<StreamConfig> & Pick<StreamConfig, 'name'>

/** Error codes for no room: in storage, in memory, in the account, and for one stream of the account. */
const NO_ROOM: readonly number[] = [10047, 10028, 10002, 10120]
/** Error codes for no suitable servers: a single server keeps one copy only; a cluster's are too few, or too full. */
const NO_SERVERS: readonly number[] = [10074, 10005]
/** Only the message tells servers that are too full from servers that are too few. */
const TOO_FULL = /insufficient/
const OVERLAP = 10065
/** Error codes for a message that finds no room: the server's storage, or the stream's own limit, is used up. */
const NOT_STORED: readonly number[] = [10023, 10077]

/** Throws STREAM_REFUSED if the storage of an existing stream would have to change, which NATS can not do. */
export function assertSameStorage(wanted: NamedStream, existing: StreamConfig): void {
  if (existing.storage === wanted.storage) return
  const [was, is] = existing.storage === StorageType.File ? ['File', 'Memory'] : ['Memory', 'File']
  throw new JobicoError(
    'STREAM_REFUSED',
    `the stream ${wanted.name} is in ${was} storage, and NATS can not move it to ${is}: ` +
      `set \`spec.queue.storage: ${was}\`, or delete the Job and make it again once its queue is gone`,
  )
}

/**
 * Gives an error that says why NATS refused to make or change a stream and how to fix that, with figures if there is no
 * room. Other faults are given back as they are. Throws QUEUE_UNAVAILABLE.
 */
export async function explainRefusal(
  fault: unknown,
  manager: JetStreamManager,
  wanted: NamedStream,
): Promise<unknown> {
  if (!(fault instanceof JobicoError) || !(fault.cause instanceof JetStreamApiError)) return fault
  const { code, message } = fault.cause
  const isFull = NO_ROOM.includes(code) || (NO_SERVERS.includes(code) && TOO_FULL.test(message))
  const figures = isFull ? await readFigures(manager, wanted) : undefined
  const fix = figures === undefined ? fixFor(code, wanted) : noRoomMessage(figures)
  return new JobicoError('STREAM_REFUSED', `NATS refused the stream ${wanted.name} (${message}): ${fix}`, {
    cause: fault.cause,
    members: { ...figures },
  })
}

/** Something to be stored in a stream that reserves no space, such as a module. */
export interface NewContent {
  /** Its name in messages. */
  readonly what: string
  readonly bytes: number
}

/**
 * Gives an error that says, with figures, that NATS has no room for something, and how to fix that. Other faults are given
 * back as they are. Throws QUEUE_UNAVAILABLE.
 */
export async function explainNoRoom(
  fault: unknown,
  manager: JetStreamManager,
  { what, bytes }: NewContent,
): Promise<unknown> {
  if (!(fault instanceof JobicoError) || !(fault.cause instanceof JetStreamApiError)) return fault
  const { code, message } = fault.cause
  if (!NO_ROOM.includes(code) && !NOT_STORED.includes(code)) return fault
  const figures = await readFigures(manager, { storage: StorageType.File, max_bytes: bytes })
  return new JobicoError(
    'STREAM_REFUSED',
    `NATS has no room for ${what} (${message}): it has ${formatBytes(bytes)}, and ${usageMessage(figures)}; ` +
      'remove modules and Jobs that are not needed, purge dead letters, or give NATS more storage',
    { cause: fault.cause, members: { ...figures } },
  )
}

function fixFor(code: number, { num_replicas: replicas = 1 }: NamedStream): string {
  if (NO_SERVERS.includes(code))
    return `it is to be kept in ${replicas} copies, each on a server of its own, and NATS has fewer; lower \`spec.queue.replicas\`, or add servers`
  if (code === OVERLAP)
    return 'another stream takes its subjects; delete that one, or give the Job another name'
  return 'change `spec.queue`, or what NATS allows'
}

/** Bytes: what is wanted, what the account's streams have reserved and use, and the account's limit, if it has one. */
interface Figures {
  readonly wanted: number
  readonly reserved: number
  readonly used: number
  readonly limit: number | undefined
}

async function readFigures(manager: JetStreamManager, wanted: Omit<NamedStream, 'name'>): Promise<Figures> {
  const account = await answerTo(manager.getAccountInfo())
  const { limits, ...usage } = account.tiers?.[`R${wanted.num_replicas ?? 1}`] ?? account
  const isFile = wanted.storage !== StorageType.Memory
  const limit = isFile ? limits.max_storage : limits.max_memory
  return {
    wanted: wanted.max_bytes ?? 0,
    reserved: isFile ? usage.reserved_storage : usage.reserved_memory,
    used: isFile ? usage.storage : usage.memory,
    limit: limit > 0 ? limit : undefined,
  }
}

function noRoomMessage(figures: Figures): string {
  return (
    `it wants ${formatBytes(figures.wanted)}, and ${usageMessage(figures)}; ` +
    'lower `spec.queue.maxBytes`, delete Jobs that are not needed, or give NATS more storage'
  )
}

function usageMessage({ reserved, used, limit }: Figures): string {
  const most =
    limit === undefined ? 'with no limit but that of the servers' : `its limit is ${formatBytes(limit)}`
  return `the account has ${formatBytes(reserved)} reserved and ${formatBytes(used)} in use, ${most}`
}

const UNITS = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const

/** Bytes as Kubernetes writes them, with at most one decimal: 256Mi, 1.5Gi. */
export function formatBytes(bytes: number): string {
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), UNITS.length - 1)
  return `${Math.round((bytes / 1024 ** power) * 10) / 10}${UNITS[power] ?? ''}`
}
