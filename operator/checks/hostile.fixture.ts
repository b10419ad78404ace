import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

/** A check process that does what a process might do that has been taken over; the name of the module says what. */

const attempt = (act: () => unknown): string => {
  try {
    act()
    return 'done'
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown)
  }
}

const actions: Readonly<Record<string, () => void>> = {
  look() {
    const fault = JSON.stringify({
      environment: Object.keys(process.env),
      read: attempt(() => readFileSync('/etc/hostname')),
      write: attempt(() => writeFileSync('/tmp/jobico-hostile', '')),
      spawn: attempt(() => spawnSync('/bin/true')),
    })
    process.stdout.write(`${JSON.stringify({ fault })}\n`)
  },
  /** Memory that no heap counts. */
  buffers() {
    const kept: Buffer[] = []
    for (;;) kept.push(Buffer.alloc(4 * 2 ** 20, 1))
  },
  heap() {
    const kept: number[][] = []
    for (;;) kept.push(Array.from({ length: 10_000 }, (_each, index) => index + 0.5))
  },
  spin() {
    const end = performance.now() + 60_000 // in case the test has gone
    while (performance.now() < end);
  },
  exit: () => process.exit(7),
  endless() {
    for (;;) process.stdout.write('x'.repeat(100_000))
  },
  rubbish: () => void process.stdout.write('{"emits":"yes"}\n'),
}

process.stdout.write('\n')
let head = ''
process.stdin.setEncoding('latin1').on('data', (part: string) => {
  head += part
  if (!head.includes('\n')) return
  const { name } = JSON.parse(head.slice(0, head.indexOf('\n'))) as { readonly name: string }
  head = ''
  actions[name]?.()
})
