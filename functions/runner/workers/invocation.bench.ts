import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { GuestInput } from '../../guests/abi.ts'
import { abiNamed } from '../../guests/abi-registry.ts'
import { checkModule, type CheckedModule } from '../../guests/check/check.ts'
import { bare } from '../../guests/host-functions.ts'
import { createPool } from './pool.ts'

// Prints what one event costs, in microseconds, as a line of JSON. Its argument is a module that returns its input.

const EVENTS = 5_000
const CALLS = 10_000_000
const ROUNDS = 5
/** After this many executions a thread returns to its event loop, where memories are freed. */
const TURN = 16
const MEMORY_BYTES = 64 * 2 ** 20
const KIBIBYTE = `{"text":"${'x'.repeat(1024 - 11)}"}`
const INPUT: GuestInput = {
  text: `{"specversion":"1.0","id":"1","source":"/bench","type":"bench","datacontenttype":"application/json","data":${KIBIBYTE}}`,
}
// (module (func (export "call") (param i32) (result i32) (local.get 0)))
const IDENTITY = Buffer.from(
  '0061736d0100000001060160017f017f030201000708010463616c6c00000a0601040020000b',
  'hex',
)

/** The shortest of some rounds, divided by `count`, in microseconds: disturbances only add time. */
async function best(count: number, round: () => unknown): Promise<number> {
  let leastMs = Infinity
  for (let left = ROUNDS; left > 0; left--) {
    const began = performance.now()
    await round()
    leastMs = Math.min(leastMs, performance.now() - began)
  }
  return (leastMs * 1_000) / count
}

function bareCall(): Promise<number> {
  const { call } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(IDENTITY))).exports as {
    readonly call: (value: number) => number
  }
  let sum = 0
  return best(CALLS, () => {
    for (let at = 0; at < CALLS; at++) sum += call(at)
    if (sum === 0) throw new Error('nothing was called')
  })
}

/** Creates instances whose imports do nothing. */
function bareInstantiation(module: WebAssembly.Module): Promise<number> {
  const imported = WebAssembly.Module.imports(module)
  const nothing = () => 0
  const names = (of: string) => imported.filter((each) => each.module === of).map(({ name }) => name)
  const imports = bare(
    [...new Set(imported.map((each) => each.module))].map((of) => [
      of,
      bare(names(of).map((name) => [name, nothing] as const)),
    ]),
  )
  return best(EVENTS, () => inTurns(() => new WebAssembly.Instance(module, imports)))
}

async function inTurns(step: () => unknown): Promise<void> {
  for (let done = 0; done < EVENTS; done += TURN) {
    for (let left = TURN; left > 0; left--) step()
    await nextTurn()
  }
}

function execution({ abi }: CheckedModule, module: WebAssembly.Module): Promise<number> {
  const host = { env: new Map(), events: new Set<string>(), log: () => undefined }
  const execute = abiNamed(abi).prepare(module, host)
  const one = () => {
    const { kind } = execute(INPUT)
    if (kind !== 'ok') throw new Error(`the execution ended with ${kind}`)
  }
  return best(EVENTS, () => inTurns(one))
}

async function throughPool(module: CheckedModule, concurrency: number): Promise<number> {
  const options = { module, concurrency, timeoutMs: 10_000, env: {}, onLog: () => undefined }
  const pool = await createPool(options)
  const one = async () => {
    const { outcome } = await pool.run('key', INPUT)
    if (outcome.kind !== 'ok') throw new Error(`the execution ended with ${outcome.kind}`)
  }
  try {
    await one()
    return await best(EVENTS, () => Promise.all(Array.from({ length: EVENTS }, one)))
  } finally {
    await pool.close()
  }
}

const file = process.argv[2] ?? ''
const checked = checkModule(await readFile(file), { name: file, memoryBytes: MEMORY_BYTES })
const module = new WebAssembly.Module(checked.bytes)
const threads = availableParallelism()
process.stdout.write(
  `${JSON.stringify({
    call: await bareCall(),
    instantiation: await bareInstantiation(module),
    execution: await execution(checked, module),
    oneThread: await throughPool(checked, 1),
    threads,
    allThreads: await throughPool(checked, threads),
  })}\n`,
)
