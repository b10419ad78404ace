import { REASON_CHARS, cut, type Outcome } from '../abi.ts'
import { PAGE_BYTES, mebibytes } from '../check/memory-limit.ts'
import { trapLocations, type TrapLocations } from './locations.ts'
import { messageOf } from '../../process/errors.ts'
import type { RuntimeMessage, StderrReader } from './stderr-reader.ts'

/** The state of the guest that threw. */
export interface TrappedGuest {
  readonly module: WebAssembly.Module
  /** May be grown to find out how much it can grow; not to be used afterwards. */
  readonly memory: WebAssembly.Memory | undefined
  /** The bytes that the host was asking the guest to allocate; else 0. */
  readonly wanted: number
  readonly stderr: StderrReader | undefined
}

// A failed allocation ends in one of these: the code traps when the memory can't grow, or writes past its end.
const MAY_BE_MEMORY = /unreachable|out of bounds|out of memory/
const NO_MEMORY_OF_HOST = /allocat|out of memory/i
const NO_MEMORY = ': there is not enough memory; lower `memory` or `concurrency`'
const MOST_PAGES = 65536
/** How V8 names the trap in which panics and failed assertions end. */
const ABORT = 'unreachable'
const OUT_OF_MEMORY = 'out of memory'

/** The outcome of a guest that threw: what happened, whether more `memory` may help, and where it was. */
export function trapOutcome(thrown: unknown, guest: TrappedGuest): Outcome {
  const message =
    thrown instanceof WebAssembly.Exception ? 'an exception that it does not catch' : messageOf(thrown)
  const locations = trapLocations(thrown, guest.module)
  const stderr = thrown instanceof WebAssembly.RuntimeError && message === ABORT ? guest.stderr : undefined
  const told = stderr?.runtimeMessage()
  if (told !== undefined)
    return moduleTrap(`the module trapped: ${runtimeReason(told, guest, locations.text)}`)
  const reason = `the module trapped: ${message}${trapHint(thrown, message, guest, locations)}`
  const last = stderr?.lastLine().trim() ?? ''
  return moduleTrap(last === '' ? reason : `${reason}; its last line on standard error: ${last}`)
}

/** Whether more memory may help, and where it was. */
function trapHint(thrown: unknown, message: string, guest: TrappedGuest, locations: TrapLocations): string {
  const ofHost = thrown instanceof RangeError && NO_MEMORY_OF_HOST.test(message)
  const hint = ofHost ? NO_MEMORY : memoryHint(message, guest, locations.allocates)
  return `${hint}${hint === '' ? '' : ';'}${locations.text}`
}

/** The outcome of a program that exited with a status without a meaning: what it wrote on standard error says why. */
export function exitOutcome(status: number, guest: TrappedGuest): Outcome {
  const told = guest.stderr?.message()
  const what = `it exited with status ${status}`
  return moduleTrap(told === undefined ? what : `${what}: ${runtimeReason(told, guest, '')}`)
}

/** A message of the guest, whether more `memory` may help, and the place if the message has none. */
function runtimeReason(told: RuntimeMessage, guest: TrappedGuest, location: string): string {
  const hint = told.isMemory ? memoryHint(OUT_OF_MEMORY, guest, true) : ''
  const place = told.place === undefined ? location : ` in ${told.place}`
  return `${told.text}${hint}${told.hasPlace || place === '' ? '' : `;${place}`}`
}

function moduleTrap(reason: string): Outcome {
  return { kind: 'retry', code: 'MODULE_TRAP', reason: cut(reason, REASON_CHARS) }
}

function memoryHint(message: string, { memory, wanted }: TrappedGuest, allocates: boolean): string {
  if (!memory || !MAY_BE_MEMORY.test(message)) return ''
  const bytes = memory.buffer.byteLength
  const more = Math.max(bytes, wanted) // an allocator doubles the memory, or asks for what is wanted
  const used = `, with ${mebibytes(bytes)} of memory in use and no room for`
  const pages = Math.ceil(more / PAGE_BYTES)
  const room = wanted >= bytes ? `${mebibytes(wanted)} more` : 'as much again'
  if (!canGrow(memory, pages)) return `${used} ${room}: raise \`memory\``
  if (!allocates) return ''
  const available = (pages + growablePages(memory)) * PAGE_BYTES
  return `${used} what it asked for, more than ${mebibytes(available)}: raise \`memory\``
}

/** By how many pages the memory can still grow. Takes milliseconds. */
function growablePages(memory: WebAssembly.Memory): number {
  let total = 0
  for (let pages = MOST_PAGES / 2; pages >= 1; pages /= 2) if (canGrow(memory, pages)) total += pages
  return total
}

// Tries it: the instance is not used any more.
function canGrow(memory: WebAssembly.Memory, pages: number): boolean {
  try {
    memory.grow(pages)
    return true
  } catch {
    return false
  }
}
