import type { ObjectPath } from '../../../crds/structure.ts'
import type { KubeError } from '../../../knative/kube/client.ts'
import type { FileObject } from '../../job-files/cluster-files.ts'

/** One reason why the API server refused an object. */
export interface Refusal {
  /** The place in the object, as exactly as the API server named it. */
  readonly path: ObjectPath
  readonly message: string
}

const WHOLE_OBJECT: ObjectPath = ['metadata', 'name']
const INSTALL = 'install Jobico there: kubectl apply -k knative/install'
/** What the API server writes after the path of a bad field. */
const WRONG =
  '(?:Invalid value|Required value|Unsupported value|Duplicate value|Too (?:long|many|few)|Forbidden|Not found|Internal error)'
/** Separates two faults in the API server's message. */
const NEXT_FAULT = new RegExp(`, (?=[A-Za-z<][\\w.<>[\\]"=-]*: ${WRONG})`)
const FAULT = new RegExp(`^([A-Za-z<][\\w.<>[\\]"=-]*): (${WRONG}[^]*)$`)
/** For a rule of a CRD, the API server writes only the type in place of the value, or nothing. */
const NO_VALUE = /^Invalid value: (?:"(?:string|object|array|integer|boolean|number)?"|null): /

/** Why the API server refused an object, for people, with the fix. Pure. */
export function refusals(
  { kind, namespace }: Pick<FileObject, 'kind' | 'namespace'>,
  { message, reason }: Pick<KubeError, 'message' | 'reason'>,
): readonly Refusal[] {
  if (reason === 'Invalid') return invalidities(message)
  return [{ path: WHOLE_OBJECT, message: refusalText(kind, namespace, { message, reason }) }]
}

function refusalText(
  kind: string,
  namespace: string,
  { message, reason }: Pick<KubeError, 'message' | 'reason'>,
): string {
  if (reason === 'Conflict')
    return `${message.trimEnd()}; somebody else applied these fields of the object: take them over with --force-conflicts, or remove them from the file`
  if (reason !== 'NotFound') return message
  if (message.includes(`namespaces "${namespace}"`))
    return `there is no namespace ${namespace}; make it with: kubectl create namespace ${namespace}`
  return kind === 'Job' ? `the cluster has no Jobs of jobico.coeux.dev; ${INSTALL}` : message
}

/** Reads `Job.jobico.coeux.dev "a" is invalid: [<path>: <what>, <path>: <what>]`. */
function invalidities(message: string): readonly Refusal[] {
  const [, list = message] = /^[\w.]+ "[^"]*" is invalid: ([^]*)$/.exec(message) ?? []
  const faults = list.startsWith('[') && list.endsWith(']') ? list.slice(1, -1).split(NEXT_FAULT) : [list]
  return faults.map((fault) => {
    const [, path, what] = FAULT.exec(fault) ?? []
    if (path === undefined || what === undefined) return { path: WHOLE_OBJECT, message: fault }
    return { path: stepsOf(path), message: what.replace(NO_VALUE, '') }
  })
}

function stepsOf(path: string): ObjectPath {
  if (path.startsWith('<')) return WHOLE_OBJECT
  const steps = path.match(/\[\d+\]|[^.[\]]+/g) ?? []
  return steps.map((step) => (step.startsWith('[') ? Number(step.slice(1, -1)) : step))
}
