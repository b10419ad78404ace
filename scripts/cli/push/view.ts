import type { PutModule } from '../../../functions/modules/module-store.ts'
import { formatBytes } from '../../../functions/jetstream/stream-refusal.ts'
import { tableLines } from '../terminal/table.ts'
import { isGood, type CheckedFile, type GoodFile } from './files.ts'
import type { Use } from './module-uses.ts'

/** A module that was pushed, and the events that run it. */
export interface Pushed extends PutModule {
  readonly usedBy: readonly Use[]
}

/** Pushed modules as rows of a table. Pure. */
export function pushedTable(pushed: readonly Pushed[]): string[][] {
  const rows = pushed.map(({ name, digest, size, sent, usedBy }) => [
    ...[name, digest, String(size), sent ? 'sent' : 'unchanged'],
    usesText(usedBy) || 'no Job',
  ])
  return [['MODULE', 'DIGEST', 'BYTES', 'STATE', 'USED BY'], ...rows]
}

/** A pushed module for `-o json`. Pure. */
export function pushedForPrograms({ name, digest, size, sent, usedBy }: Pushed) {
  return { name, digest, size, sent, usedBy: usedBy.map(useForPrograms) }
}

/** The details of checked modules as lines, with an empty line between two modules. Pure. */
export function checkedLines(good: readonly GoodFile[]): string[] {
  return good.flatMap((each, index) => [...(index === 0 ? [] : ['']), ...tableLines(detailsOf(each))])
}

function detailsOf({ file, abi, bytes, digest, memory, imports, usedBy }: GoodFile): string[][] {
  const [first = 'none', ...others] = imports.map(({ module, name, type }) => `${module}.${name}: ${type}`)
  return [
    ['MODULE', file],
    ['ABI', abi],
    ['BYTES', String(bytes.length)],
    ['DIGEST', digest],
    [
      'MEMORY',
      memory
        ? `${formatBytes(memory.initialBytes)} at first, at most ${formatBytes(memory.capBytes)}`
        : 'none',
    ],
    ['IMPORTS', first],
    ...others.map((each) => ['', each]),
    ['USED BY', usesText(usedBy) || 'no Job that is known'],
  ]
}

/** A checked file for `-o json`. Pure. */
export function checkedForPrograms(checked: CheckedFile) {
  const { file, name } = checked
  const usedBy = checked.usedBy.map(useForPrograms)
  if (!isGood(checked)) return { file, name, ok: false, fault: checked.fault, usedBy }
  const { abi, digest, bytes, memory = null, imports } = checked
  return {
    ...{ file, name, ok: true, abi, digest, size: bytes.length, memory },
    imports: imports.map(({ module, name: of, type }) => ({ module, name: of, type })),
    usedBy,
  }
}

function usesText(usedBy: readonly Use[]): string {
  return usedBy.map(({ job, event }) => `${job}/${event}`).join(', ')
}

function useForPrograms({ job, event }: Use) {
  return { job, event }
}
