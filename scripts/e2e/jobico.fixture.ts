import { startCli, type Finished, type RunningCli } from '../cli/cli.fixture.ts'

/** Starts the CLI like a user of the test cluster, in a folder in which no `jobico dev` runs. */
export function startJobico(namespace: string, folder: string, ...args: readonly string[]): RunningCli {
  const environment = { KUBECONFIG: process.env['KUBECONFIG'] ?? '' }
  return startCli([...args, '-n', namespace], folder, { environment })
}

/** Runs the CLI like `startJobico`, to its end. */
export async function jobico(
  namespace: string,
  folder: string,
  ...args: readonly string[]
): Promise<Finished> {
  return await startJobico(namespace, folder, ...args).finished
}
