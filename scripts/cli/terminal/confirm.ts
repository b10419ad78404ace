import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

/** Where somebody is asked. */
export interface Asking {
  readonly input: Readable & { readonly isTTY?: boolean }
  readonly output: Writable & { readonly isTTY?: boolean }
}

/** Asks at the terminal for a yes; undefined where there is none. Anything but a yes is a no, Ctrl-C and Ctrl-D too. */
export async function confirmed(
  question: string,
  { input, output }: Asking = { input: process.stdin, output: process.stderr },
): Promise<boolean | undefined> {
  if (!input.isTTY || !output.isTTY) return undefined
  const terminal = createInterface({ input, output })
  const answer = await new Promise<string>((resolve) => {
    const settle = (line: string) => {
      terminal.off('SIGINT', no).off('close', no)
      resolve(line)
    }
    const no = () => {
      output.write('\n')
      settle('')
    }
    terminal.once('SIGINT', no).once('close', no).question(`${question} [y/N] `, settle)
  })
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}
