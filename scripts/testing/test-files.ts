import { globSync } from 'node:fs'

/** Which tests: `unit` need no other program, `int` need nats-server, `api` need the API server of Kubernetes. */
export type Kind = 'unit' | 'int' | 'api'

const KIND = /\.(?:([a-z0-9]+)\.)?test\.ts$/

/** The kind of a test file; undefined for cases of faults and of the test cluster, which have runners of their own. Pure. */
export function kindOf(file: string): Kind | undefined {
  const kind = KIND.exec(file)?.[1] ?? 'unit'
  return kind === 'unit' || kind === 'int' || kind === 'api' ? kind : undefined
}

/** The test files of these kinds below a folder. */
export function testFiles(root: string, kinds: readonly Kind[]): string[] {
  const files = globSync('**/*.test.ts', {
    cwd: root,
    exclude: (path) => /(^|\/)(node_modules|dist|build|\.tap|\.jobico)(\/|$)/.test(path),
  })
  return files.filter((file) => kinds.some((kind) => kind === kindOf(file))).sort()
}
