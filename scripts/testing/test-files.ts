import { globSync } from 'node:fs'

/**
 * A kind of tests: `unit` needs no other program, `int` needs nats-server, `dev` does with `jobico dev` and the packed package
 * what a user does and so takes long, `api` needs the API server of Kubernetes.
 */
export const KINDS = ['unit', 'int', 'dev', 'api'] as const
export type Kind = (typeof KINDS)[number]

const KIND = /\.(?:([a-z0-9]+)\.)?test\.ts$/

/** The kind of a test file; undefined for fault cases, attacks and end-to-end cases, which have their own test runners. Pure. */
export function kindOf(file: string): Kind | undefined {
  const kind = KIND.exec(file)?.[1] ?? 'unit'
  return KINDS.find((known) => known === kind)
}

/** The test files of these kinds below a folder. */
export function testFiles(root: string, kinds: readonly Kind[]): string[] {
  const files = globSync('**/*.test.ts', {
    cwd: root,
    exclude: (path) => /(^|\/)(node_modules|dist|build|\.tap|\.jobico)(\/|$)/.test(path),
  })
  return files.filter((file) => kinds.some((kind) => kind === kindOf(file))).sort()
}
