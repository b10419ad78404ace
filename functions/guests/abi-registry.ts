import type { Abi } from './abi.ts'
import { assemblyscript } from './assemblyscript/assemblyscript.ts'
import { jobico } from './jobico.ts'
import { wasi } from './wasi/wasi.ts'

/** All supported ABIs. A module has the first one of them whose `entry` exports it has. */
export const ABIS = [jobico, assemblyscript, wasi] as const

/** The name of a supported ABI. */
export type AbiName = (typeof ABIS)[number]['name']

/** The ABI of that name. */
export function abiNamed(name: AbiName): Abi<AbiName> {
  const abi = ABIS.find((candidate: Abi) => candidate.name === name)
  if (!abi) throw new Error(`there is no ABI ${name}`)
  return abi
}
