import { runCli, type Finished } from '../cli/cli.fixture.ts'

/** Runs the CLI to its end as a user of the test cluster does, from a folder in which no `jobico dev` runs. */
export async function jobico(
  namespace: string,
  folder: string,
  ...args: readonly string[]
): Promise<Finished> {
  const environment = { KUBECONFIG: process.env['KUBECONFIG'] ?? '' }
  return await runCli([...args, '-n', namespace], folder, { environment })
}
