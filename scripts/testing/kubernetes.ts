import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

import { testingConfig } from './config.ts'
import { mustRun } from './program.ts'

const BUILD = join(import.meta.dirname, '..', 'cluster', 'build')

/** The folder with kube-apiserver and etcd; undefined where they are not built yet. */
export function kubernetesPrograms(): string | undefined {
  const folder = join(testingConfig().clusterCache, 'bin')
  return existsSync(join(folder, 'kube-apiserver')) ? folder : undefined
}

/** Whether Go, which builds them, is on PATH. */
export function canBuildKubernetes(): boolean {
  const { PATH = '' } = testingConfig().environment
  return PATH.split(delimiter).some((folder) => existsSync(join(folder, 'go')))
}

/** Builds them, which takes some 8 minutes, and shows what it does. Throws INTERNAL where that fails. */
export async function buildKubernetes(): Promise<void> {
  await mustRun(BUILD, ['kubernetes'], { show: true })
}
