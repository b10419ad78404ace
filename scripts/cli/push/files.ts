import { readFile } from 'node:fs/promises'
import { basename, resolve } from 'node:path'

import type { Job } from '../../../crds/job.ts'
import { parseQuantity } from '../../../crds/quantity.ts'
import { PAGE_BYTES } from '../../../functions/guests/check/memory-limit.ts'
import { checkModule, type CheckedModule } from '../../../functions/guests/check/check.ts'
import { readWasm, type WasmImport } from '../../../functions/guests/check/wasm.ts'
import { digestOf } from '../../../functions/modules/digest.ts'
import { messageOf } from '../../../functions/process/errors.ts'
import { assertModuleName } from '../../../functions/modules/module-name.ts'
import { usesOf, type Use } from './module-uses.ts'

/** The file of a module, and the events that run a module of its name. */
interface ModuleFile {
  readonly file: string
  readonly name: string
  readonly usedBy: readonly Use[]
}

/** A module that can run with the memory of each event that uses it, or with the default memory if none does. */
export interface GoodFile extends ModuleFile {
  readonly bytes: Uint8Array
  readonly digest: string
  readonly abi: CheckedModule['abi']
  readonly imports: readonly WasmImport[]
  /** Its linear memory; undefined if it has none. */
  readonly memory: { readonly initialBytes: number; readonly capBytes: number } | undefined
}

/** A file that is not a usable module, and why. */
export interface BadFile extends ModuleFile {
  readonly fault: string
}

/** The result of checking a file. */
export type CheckedFile = GoodFile | BadFile

/** The memory of an event whose Job does not set it. */
export const DEFAULT_MEMORY = '64Mi'

/** Reads files and checks each as a module for the Jobs that use it. Never throws. */
export async function checkFiles(
  files: readonly string[],
  jobs: readonly Job[],
): Promise<readonly CheckedFile[]> {
  const distinct = [...new Map(files.map((file) => [resolve(file), file])).values()]
  const checked = await Promise.all(distinct.map((file) => checkFile(file, jobs)))
  return checked.map((each, index) => {
    const first = checked.findIndex(({ name }) => name === each.name)
    return first === index ? each : { ...fileOf(each), fault: sameName(checked[first], each) }
  })
}

/** Whether a file is a module that can be run. */
export function isGood(checked: CheckedFile): checked is GoodFile {
  return !('fault' in checked)
}

/** The faults of the bad files, as Errors. Pure. */
export function faultsOf(checked: readonly CheckedFile[]): readonly Error[] {
  return checked.flatMap((each) => (isGood(each) ? [] : [new Error(each.fault)]))
}

async function checkFile(file: string, jobs: readonly Job[]): Promise<CheckedFile> {
  const name = basename(file)
  const known = { file, name, usedBy: usesOf(name, jobs) }
  try {
    return { ...known, ...checkBytes(await contentOf(file), known) }
  } catch (fault) {
    return { ...known, fault: messageOf(fault) }
  }
}

/** Throws an Error, most often MODULE_INVALID. */
function checkBytes(bytes: Uint8Array, { file, name, usedBy }: ModuleFile): Omit<GoodFile, keyof ModuleFile> {
  assertModuleName(name, digestOf(bytes))
  const { abi, digest, bytes: capped } = checkForUse(smallestUse(usedBy), bytes, file)
  const { imports, memories } = readWasm(capped)
  const [memory] = memories.map(({ min, max }) => ({
    initialBytes: min * PAGE_BYTES,
    capBytes: max * PAGE_BYTES,
  }))
  return { bytes, digest, abi, imports, memory }
}

function checkForUse(use: Use | undefined, bytes: Uint8Array, file: string): CheckedModule {
  const memory = use?.memory ?? DEFAULT_MEMORY
  try {
    return checkModule(bytes, { name: file, memoryBytes: parseQuantity(memory) })
  } catch (fault) {
    if (use === undefined) throw fault
    throw new Error(`${messageOf(fault)} (${use.job}/${use.event} runs it with ${memory} of memory)`, {
      cause: fault,
    })
  }
}

/** The event that gives a module the least memory. */
function smallestUse(usedBy: readonly Use[]): Use | undefined {
  return usedBy.toSorted((a, b) => parseQuantity(a.memory) - parseQuantity(b.memory))[0]
}

async function contentOf(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw new Error(`${file} can not be read (${messageOf(cause)}); name the file of a module`, { cause })
  }
}

function fileOf({ file, name, usedBy }: ModuleFile): ModuleFile {
  return { file, name, usedBy }
}

function sameName(first: ModuleFile | undefined, { file, name }: ModuleFile): string {
  return `${file} and ${first?.file ?? 'another file'} would both be the module ${name}; push only one of them, or rename one`
}
