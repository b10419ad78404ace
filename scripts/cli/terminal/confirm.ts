import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

import { printable } from '../../dev/output/printable.ts'

/** The streams on which to ask. */
export interface PromptStreams {
  readonly input: Readable & { readonly isTTY?: boolean }
  readonly output: Writable & { readonly isTTY?: boolean }
}

/** Asks at the terminal. Gives true for `y` or `yes`, false for anything else, also Ctrl-C; undefined without a terminal. */
export async function confirmed(
  question: string,
  { input, output }: PromptStreams = { input: process.stdin, output: process.stderr },
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
    terminal
      .once('SIGINT', no)
      .once('close', no)
      .question(`${printable(question)} [y/N] `, settle)
  })
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}
