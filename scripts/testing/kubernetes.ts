import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

import { testingConfig } from './config.ts'
import { mustRun } from './program.ts'

const BUILD = join(import.meta.dirname, '..', 'cluster', 'build')

/** The folder with kube-apiserver and etcd; undefined when they are not built yet. */
export function kubernetesPrograms(): string | undefined {
  const folder = join(testingConfig().clusterCache, 'bin')
  return existsSync(join(folder, 'kube-apiserver')) ? folder : undefined
}

/** Whether Go is on PATH, which builds kube-apiserver and etcd. */
export function canBuildKubernetes(): boolean {
  const { PATH = '' } = testingConfig().environment
  return PATH.split(delimiter).some((folder) => existsSync(join(folder, 'go')))
}

/** Builds kube-apiserver and etcd in some 8 minutes, and shows the output of the build. Throws INTERNAL when that fails. */
export async function buildKubernetes(): Promise<void> {
  await mustRun(BUILD, ['kubernetes'], { show: true })
}
