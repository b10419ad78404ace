import { digestOf } from '../../modules/digest.ts'
import { MODULE_BYTES } from '../../modules/module-size.ts'
import { JobicoError, messageOf } from '../../process/errors.ts'
import type { Abi, NeededExport } from '../abi.ts'
import { ABIS, type AbiName } from '../abi-registry.ts'
import { mebibytes, memoryFaults, tableFaults, withMaximum } from './memory-limit.ts'
import { codeFaults } from './compile-cost.ts'
import { printableName } from './printable-name.ts'
import { isWasm, readWasm, type WasmImport, type WasmModule } from './wasm.ts'

/** The name of a module in messages, and the maximum of its linear memory in bytes. */
export interface CheckOptions {
  readonly name: string
  readonly memoryBytes: number
}

/**
 * A module that may be run. `bytes` is the module with the memory limit written into it; `digest` is of the bytes as given;
 * `emits` says whether it may emit to other events of its Job.
 */
export interface CheckedModule {
  readonly abi: AbiName
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly digest: `sha256-${string}`
  readonly emits: boolean
}

const SHOWN_FAULTS = 12
const COMPILE = 'npx asc assembly/index.ts --exportRuntime --outFile'

/** Checks whether a module may be run, and with which ABI. Pure. Throws one MODULE_INVALID with all faults and fixes. */
export function checkModule(bytes: Uint8Array, { name, memoryBytes }: CheckOptions): CheckedModule {
  const refused = (problem: string, cause?: unknown) =>
    new JobicoError('MODULE_INVALID', `${printableName(name)} ${problem}`, {
      cause,
      members: { module: name },
    })
  const unreadable = fileFault(bytes, name)
  if (unreadable !== undefined) throw refused(unreadable)
  const broken = (problem: string, cause?: unknown) =>
    refused(`is broken: ${problem}; compile it again`, cause)
  const module = read(() => readWasm(bytes), broken)
  const abi = ABIS.find((candidate) => hasEntry(module, candidate))
  const costFaults = read(() => codeFaults(bytes, module), broken)
  const limitFaults = [...memoryFaults(module, memoryBytes), ...tableFaults(module), ...costFaults]
  const faults = [...(abi ? abiFaults(module, abi) : [entryFault(module)]), ...limitFaults]
  if (!abi || faults.length > 0) throw refused(`can't be run: ${list(faults, '; ')}`)
  const capped = withMaximum(bytes, module, memoryBytes)
  const invalid = bodyFault(capped)
  if (invalid !== undefined) throw broken(invalid)
  const emits = module.imports.some((each) => abi.emitting.has(`${each.module}.${each.name}`))
  return { abi: abi.name, bytes: capped, digest: digestOf(bytes), emits }
}

function fileFault(bytes: Uint8Array, name: string): string | undefined {
  if (bytes.length === 0) return `is empty; compile it with \`${COMPILE} ${printableName(name)}\``
  if (bytes.length > MODULE_BYTES) {
    return `has ${bytes.length} bytes, the limit is ${MODULE_BYTES} (${mebibytes(MODULE_BYTES)}); compile it with --optimize and without --debug`
  }
  if (isWasm(bytes)) return undefined
  const start = bytes.subarray(0, 8)
  const text = JSON.stringify(new TextDecoder('latin1').decode(start))
  const hex = Array.from(start, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
  return `is no WebAssembly: it starts with ${text} (${hex}); ${sourceFix(bytes, name)}`
}

function sourceFix(bytes: Uint8Array, name: string): string {
  if (bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[6] === 1)
    return 'it is a component, build it as a core module'
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, 4096))
  if (/^\s*(?:;;.*\s*)*\(module\b/.test(text)) return `it is the text format, compile it with wat2wasm`
  return `compile it with \`${COMPILE} ${printableName(name)}\``
}

function read<T>(reads: () => T, broken: (problem: string, cause: unknown) => JobicoError): T {
  try {
    return reads()
  } catch (thrown) {
    throw broken(messageOf(thrown), thrown)
  }
}

function hasEntry(module: WasmModule, abi: Abi): boolean {
  return [...abi.entry.keys()].every((name) => module.exports.some((found) => found.name === name))
}

function entryFault(module: WasmModule): string {
  const found =
    list(
      module.exports.map(({ name }) => printableName(name)),
      ', ',
    ) || 'nothing'
  const needed = ABIS.map((abi) => {
    const entry = [...abi.entry].map(([name, { types, fix }]) => `${name}: ${types.join(' or ')} (${fix})`)
    return `${abi.name} needs the export ${entry.join(' and ')}`
  })
  return `it has no known entry: ${needed.join(', or ')}; it exports ${found}`
}

function abiFaults(module: WasmModule, abi: Abi): string[] {
  const needed = [...abi.entry, ...abi.needs].map(([name, wanted]) => exportFault(module, name, wanted))
  const optional = [...abi.optional]
    .filter(([name]) => module.exports.some((found) => found.name === name))
    .map(([name, wanted]) => exportFault(module, name, wanted))
  const forbidden = module.exports
    .filter(({ name }) => abi.forbidden?.test(name))
    .map(
      ({ name }) => `the export ${printableName(name)} has a name that ${abi.name} does not allow: rename it`,
    )
  const faults = [...needed, ...optional, ...forbidden, ...importFaults(module.imports, abi)]
  return faults.filter((fault) => fault !== undefined)
}

function exportFault(module: WasmModule, name: string, { types, fix }: NeededExport): string | undefined {
  const found = module.exports.find((candidate) => candidate.name === name)
  if (found && types.includes(found.type)) return undefined
  return found
    ? `its export ${name} is ${printableName(found.type)}, not ${types.join(' or ')}: ${fix}`
    : `it lacks the export ${name}: ${fix}`
}

function importFaults(imports: readonly WasmImport[], abi: Abi): string[] {
  const faults = imports
    .filter(({ kind }) => kind !== 'memory') // reported by memoryFaults
    .map((wanted) => importFault(wanted, abi))
    .filter((fault) => fault !== undefined)
  if (faults.length === 0) return []
  const offered = [...abi.imports].flatMap(([module, names]) =>
    [...names.keys()].map((name) => `${module}.${name}`),
  )
  return [...faults, `imports that are offered: ${offered.join(', ')}`]
}

function importFault({ module, name, type }: WasmImport, abi: Abi): string | undefined {
  const offered = abi.imports.get(module)?.get(name)
  if (offered === type) return undefined
  const full = `${printableName(module)}.${printableName(name)}`
  if (type === 'table') return `it imports the table ${full}: compile it without --importTable`
  return offered === undefined
    ? `it imports ${full}, which is not offered: do without it`
    : `it imports ${full} as ${printableName(type)}, it is ${offered}`
}

/** What the engine finds invalid, such as the code of a function. */
function bodyFault(bytes: Uint8Array<ArrayBuffer>): string | undefined {
  if (WebAssembly.validate(bytes)) return undefined
  try {
    new WebAssembly.Module(bytes)
    return undefined
  } catch (thrown) {
    return messageOf(thrown)
  }
}

function list(parts: readonly string[], separator: string): string {
  const more = parts.length - SHOWN_FAULTS
  const last = parts.at(-1)
  if (more <= 0 || last === undefined) return parts.join(separator)
  return [...parts.slice(0, SHOWN_FAULTS - 1), `${more} more`, last].join(separator)
}
