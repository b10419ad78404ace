import { spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * Runs a program, which prints something when it begins, and kills it `afterMs` milliseconds after that. False if it had
 * finished before.
 */
export async function killSoon(program: string, args: readonly string[], afterMs: number): Promise<boolean> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit') as Promise<[number | null]>
  await Promise.race([once(child.stdout, 'data'), exit])
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs)
  const [code] = await exit
  clearTimeout(timer)
  return code !== 0
}
