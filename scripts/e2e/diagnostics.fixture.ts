import { kubectl, SYSTEM } from './kube.fixture.ts'

const LOG_LINES = '--tail=60'

/** Writes the Jobs, objects, events and logs of a namespace, and the operator's logs, to standard error. */
export async function printDiagnostics(namespace: string): Promise<void> {
  const all = [
    ['get', 'jobs.jobico.coeux.dev', '-n', namespace, '-o', 'yaml', '--show-managed-fields=false'],
    ['get', 'pods,ksvc,deployments,scaledobjects,configmaps', '-n', namespace, '-o', 'wide'],
    ['get', 'events', '-n', namespace, '--sort-by=.lastTimestamp'],
    [
      'logs',
      '-n',
      namespace,
      '-lapp.kubernetes.io/part-of=jobico',
      '--prefix',
      '--all-containers',
      LOG_LINES,
    ],
    [
      'logs',
      '-n',
      SYSTEM,
      '-lapp.kubernetes.io/component=operator',
      '--all-containers',
      '--prefix',
      LOG_LINES,
    ],
    ['get', 'pods', '-A', '-o', 'wide'],
  ]
  for (const args of all) {
    const { stdout, stderr } = await kubectl(args)
    process.stderr.write(`--- kubectl ${args.join(' ')}\n${stdout}${stderr}\n`)
  }
}
