import type { KubeError } from '../../../knative/kube/client.ts'
import type { FileObject } from '../../job-files/cluster-files.ts'

const INSTALL = 'install Jobico there: kubectl apply -k knative/install'
/** Where the API server goes on to the next thing that is wrong with an object. */
const NEXT_FAULT =
  /, (?=[A-Za-z<][\w.<>[\]"-]*: (?:Invalid value|Required value|Unsupported value|Duplicate value|Too (?:long|many|few)|Forbidden|Not found|Internal error))/

/** Why the API server did not take an object, in words, with the fix. Pure. */
export function refusalText(
  { kind, namespace }: Pick<FileObject, 'kind' | 'namespace'>,
  { message, reason }: Pick<KubeError, 'message' | 'reason'>,
): string {
  if (reason === 'NotFound') return missingText(kind, namespace, message)
  if (reason === 'Conflict')
    return `${message.trimEnd()}; these fields are of another one who applies this object: take them over with --force-conflicts, or leave them out`
  if (reason === 'Invalid') return invalidText(message)
  return message
}

function missingText(kind: string, namespace: string, message: string): string {
  if (message.includes(`namespaces "${namespace}"`))
    return `there is no namespace ${namespace}; make it with: kubectl create namespace ${namespace}`
  return kind === 'Job' ? `the cluster has no Jobs of jobico.coeux.dev; ${INSTALL}` : message
}

/** `Job.jobico.coeux.dev "a" is invalid: [one, two]` as one line for each thing that is wrong. */
function invalidText(message: string): string {
  const [, list = message] = /^[\w.]+ "[^"]*" is invalid: ([^]*)$/.exec(message) ?? []
  const faults = list.startsWith('[') && list.endsWith(']') ? list.slice(1, -1).split(NEXT_FAULT) : [list]
  const words = faults.map((fault) => fault.replace(/^<nil>: Invalid value: (?:""|null): /, ''))
  return words.length === 1 ? words.join('') : words.map((fault) => `\n  ${fault}`).join('')
}
