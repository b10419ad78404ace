import { startCli, type Finished, type RunningCli } from '../cli/cli.fixture.ts'

/** Starts the CLI as a user of the test cluster does, from a folder in which no `jobico dev` runs. */
export function startJobico(namespace: string, folder: string, ...args: readonly string[]): RunningCli {
  const environment = { KUBECONFIG: process.env['KUBECONFIG'] ?? '' }
  return startCli([...args, '-n', namespace], folder, { environment })
}

/** The same, to its end. */
export async function jobico(
  namespace: string,
  folder: string,
  ...args: readonly string[]
): Promise<Finished> {
  return await startJobico(namespace, folder, ...args).finished
}
