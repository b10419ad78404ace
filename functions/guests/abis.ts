import type { Abi } from './abi.ts'
import { assemblyscript } from './assemblyscript/assemblyscript.ts'
import { jobico } from './jobico.ts'
import { wasi } from './wasi/wasi.ts'

/** The ABIs that are offered, in the order in which a module's exports are held against them. */
export const ABIS = [jobico, assemblyscript, wasi] as const

/** The name of an ABI that is offered. */
export type AbiName = (typeof ABIS)[number]['name']

/** The ABI of that name. */
export function abiNamed(name: AbiName): Abi<AbiName> {
  const abi = ABIS.find((candidate: Abi) => candidate.name === name)
  if (!abi) throw new Error(`there is no ABI ${name}`)
  return abi
}
