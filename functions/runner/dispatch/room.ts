import { EventEmitter } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'

import type { Requests } from '../../jetstream/requests.ts'
import { JOBICO_HEADERS } from '../../outcomes/verdict.ts'
import { parseSubject, streamNames, type EventRef } from '../../queues/names.ts'
import {
  deleteDone,
  findExcess,
  measureUndone,
  roomLimits,
  type MeasuredMessage,
  type RoomLimits,
  type UndoneBytes,
} from '../../queues/room.ts'

/** Which messages may be pulled now. */
export type PullMode = 'all' | 'records' | 'nothing' | 'rolling over'

/** Whether no event is pulled or begun. Pure. */
export function isPaused(mode: PullMode): boolean {
  return mode === 'nothing' || mode === 'rolling over'
}

/** What is known of the bytes in a Job's stream of events. */
export interface KnownBytes {
  /** All of the stream. */
  readonly total: number
  /** What was no done outcome when it was measured. */
  readonly measured: UndoneBytes
  /** The first root of those that waited then, in an order that stays the same. */
  readonly firstRoot?: string | undefined
  /** By how much the stream has grown since, if nothing was deleted; all of it may be of one kind. */
  readonly growth: number
}

/** The most bytes that each kind may have by what is known. Pure. */
export function mostUndone({ total, measured, growth }: KnownBytes): UndoneBytes {
  const most = (kind: keyof UndoneBytes) => Math.min(total, measured[kind] + growth)
  return { dead: most('dead'), waiting: most('waiting') }
}

/**
 * Whether it has to be measured how much is no done outcome: something may have used up its room, or there may be too many
 * done outcomes. Pure.
 */
export function mustMeasure(known: KnownBytes, limits: RoomLimits): boolean {
  const most = mostUndone(known)
  const { dead, waiting } = known.measured
  return (
    most.dead >= limits.dead ||
    most.waiting >= limits.waiting / 2 ||
    known.total - dead - waiting > limits.done.most
  )
}

/** Whether so much was stored since the last look that done outcomes may have to go before there is more. Pure. */
export function mustRollOver({ total, measured, growth }: KnownBytes, { done }: RoomLimits): boolean {
  return growth > done.pause && total - measured.dead - measured.waiting > done.most
}

/**
 * Decides what may be pulled. Nothing while the streams are not there, because an execution would be in vain, and nothing
 * until done outcomes have rolled over. Only what is in the stream of events while it takes half of its room, because new
 * events may add to it. Pure.
 */
export function pullMode(known: KnownBytes | undefined, limits: RoomLimits): PullMode {
  if (known === undefined) return 'nothing'
  if (mustRollOver(known, limits)) return 'rolling over'
  return mostUndone(known).waiting >= limits.waiting / 2 ? 'records' : 'all'
}

/** Keeps the stream of events within its limits, and says what may be pulled and stored. */
export interface Room {
  mode(): PullMode
  /**
   * Whether there is room for another dead letter, or for more hand-overs. It is measured if it can not be told from what
   * is known, since all growth may be of another kind.
   */
  has(kind: keyof UndoneBytes): Promise<boolean>
  /**
   * Whether what comes out of this root event may be handed over also while there is no room: those of one root go on, so
   * that events which all hand over to others do not wait for each other for ever.
   */
  goesFirst(root: string): boolean
  /** The most bytes that may ever come out of one event by hand-overs. */
  familyBytes(): number
  /** Call it when so many bytes are about to be stored, or were. */
  stored(bytes: number): void
  /** Has `handler` called with the pull mode whenever it changes. */
  onChange(handler: (mode: PullMode) => void): void
  /** Call it when a verdict can not be stored. Nothing is pulled until the returned function is called. */
  block(): () => void
  close(): void
}

const CHECK_MS = 1_000
/** Measuring takes at most this share of the time. */
const MEASURING_SHARE = 0.2

/** Makes the room after a first check. Throws QUEUE_UNAVAILABLE. */
export async function createRoom(requests: Requests, ref: EventRef): Promise<Room> {
  const stop = new AbortController()
  const changes = new EventEmitter<{ change: [PullMode] }>()
  let blocks = 0
  let mode: PullMode = 'nothing'
  // Whoever waits for the mode to change must hear of each change, however briefly it lasts.
  const update = () => {
    const now = blocks > 0 ? 'nothing' : keeper.mode()
    if (now === mode) return
    mode = now
    changes.emit('change', now)
  }
  const keeper = createKeeper(requests, ref, update)
  await keeper.check()
  const check = () => keeper.check().catch(() => undefined)
  const run = async () => {
    while (await delay(CHECK_MS, true, { signal: stop.signal, ref: false }).catch(() => false)) await check()
  }
  void run()
  return {
    mode: () => mode,
    has: keeper.has,
    goesFirst: keeper.goesFirst,
    familyBytes: keeper.familyBytes,
    stored(bytes) {
      const before = mode
      keeper.stored(bytes)
      if (mode === 'rolling over' && before !== mode) void check()
    },
    onChange: (handler) => void changes.on('change', handler),
    block() {
      blocks++
      update()
      return () => {
        blocks--
        update()
      }
    },
    close: () => stop.abort(),
  }
}

/** Measures the stream, and deletes done outcomes. Calls `onUpdate` whenever something else is known. */
function createKeeper(requests: Requests, ref: EventRef, onUpdate: () => void) {
  const { connection } = requests
  let limits = roomLimits(0)
  let known: KnownBytes | undefined
  let measureAt = 0
  let measuring: Promise<void> | undefined
  let urgency = new AbortController()

  const update = (next: KnownBytes | undefined) => {
    known = next
    onUpdate()
  }
  async function measure(): Promise<void> {
    const wait = Math.max(0, measureAt - performance.now())
    await delay(wait, undefined, { signal: urgency.signal }).catch(() => undefined)
    const start = performance.now()
    const sizes = await readSizes(requests, ref)
    const before = known?.growth ?? 0
    let firstRoot: string | undefined
    const measured = await measureUndone(connection, ref, (message) => {
      const root = rootOf(message)
      if (firstRoot === undefined || root < firstRoot) firstRoot = root
    })
    const growth = Math.max(0, (known?.growth ?? 0) - before)
    measureAt = performance.now() + (performance.now() - start) / MEASURING_SHARE
    update(sizes && { total: sizes.bytes + growth, measured, growth, firstRoot })
  }
  const measureOnce = async () => {
    measuring ??= measure().finally(() => (measuring = undefined))
    await measuring
  }
  const measureNow = async () => {
    measureAt = 0
    urgency.abort()
    urgency = new AbortController()
    await measureOnce()
  }
  const rollOver = async () => {
    if (known === undefined) return
    const freed = await deleteOldest(requests, ref, known, limits)
    update({ ...known, total: known.total - freed })
  }
  const seemsToHave = (kind: keyof UndoneBytes) =>
    known !== undefined && mostUndone(known)[kind] < limits[kind]

  return {
    mode: () => pullMode(known, limits),
    goesFirst: (root: string) => known?.firstRoot === root,
    familyBytes: () => limits.family,
    async has(kind: keyof UndoneBytes) {
      if (seemsToHave(kind)) return true
      if (known === undefined || known.measured[kind] >= limits[kind]) return false
      await measureOnce().catch(() => undefined)
      return seemsToHave(kind)
    },
    stored(bytes: number) {
      if (known !== undefined) update({ ...known, total: known.total + bytes, growth: known.growth + bytes })
    },
    async check() {
      const sizes = await readSizes(requests, ref)
      if (sizes === undefined) {
        update(undefined)
        return
      }
      limits = roomLimits(sizes.maxBytes)
      const next = grown(known, sizes.bytes)
      update(next)
      const isUrgent = mustRollOver(next, limits)
      if (!isUrgent && (!mustMeasure(next, limits) || performance.now() < measureAt)) return
      await (isUrgent ? measureNow() : measureOnce())
      await rollOver()
    },
  }
}

/** The root of an event that waits: with which hand-overs began, or the event itself. */
function rootOf({ subject, headers }: MeasuredMessage): string {
  return headers?.get(JOBICO_HEADERS.root) || parseSubject(subject).key
}

/** What is known after the stream was found to have `total` bytes. Nothing but growth is told apart from it. Pure. */
export function grown(known: KnownBytes | undefined, total: number): KnownBytes {
  if (known === undefined) return { total, measured: { dead: 0, waiting: 0 }, growth: total }
  return { ...known, total, growth: known.growth + Math.max(0, total - known.total) }
}

/**
 * Deletes the oldest done outcomes if they take more than their room. Another runner of the Job may be doing the same: what
 * it has deleted is no longer in the way. Gives the bytes that were freed.
 */
async function deleteOldest(
  requests: Requests,
  ref: EventRef,
  { total, measured }: KnownBytes,
  { done }: RoomLimits,
): Promise<number> {
  const kept = total - measured.dead - measured.waiting
  let freed = 0
  while (kept > done.most && kept - freed > done.least) {
    const excess = await findExcess(requests.connection, ref, kept - freed - done.least)
    const sizes = await readSizes(requests, ref)
    const isAlone = sizes !== undefined && sizes.bytes >= total - freed
    if (excess.last === 0 || !isAlone) break
    await deleteDone(requests.connection, ref, excess.last)
    freed += excess.bytes
  }
  return freed
}

interface RawStreamInfo {
  readonly config?: { readonly max_bytes?: number }
  readonly state?: { readonly bytes?: number }
}

/** The bytes in the stream of events and the queue's limit; undefined if one of the streams does not exist. */
async function readSizes(requests: Requests, ref: EventRef) {
  const names = streamNames(ref)
  const read = async (stream: string) => {
    const answer = await requests.send({ subject: `$JS.API.STREAM.INFO.${stream}` })
    return answer.json<RawStreamInfo>()
  }
  const [queue, events] = await Promise.all([read(names.queue), read(names.events)])
  if (queue.state === undefined || events.state === undefined) return undefined
  return { maxBytes: queue.config?.max_bytes ?? -1, bytes: events.state.bytes ?? 0 }
}
