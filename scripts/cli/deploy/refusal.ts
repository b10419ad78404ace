import type { ObjectPath } from '../../../crds/structure.ts'
import type { KubeError } from '../../../knative/kube/client.ts'
import type { FileObject } from '../../job-files/cluster-files.ts'

/** One thing for which the API server did not take an object. */
export interface Refusal {
  /** Where in the object, as far as that was told. */
  readonly path: ObjectPath
  readonly message: string
}

const WHOLE_OBJECT: ObjectPath = ['metadata', 'name']
const INSTALL = 'install Jobico there: kubectl apply -k knative/install'
/** What comes after the path of a field that is wrong. */
const WRONG =
  '(?:Invalid value|Required value|Unsupported value|Duplicate value|Too (?:long|many|few)|Forbidden|Not found|Internal error)'
/** Where the API server goes on to the next thing that is wrong. */
const NEXT_FAULT = new RegExp(`, (?=[A-Za-z<][\\w.<>[\\]"=-]*: ${WRONG})`)
const FAULT = new RegExp(`^([A-Za-z<][\\w.<>[\\]"=-]*): (${WRONG}[^]*)$`)
/** Rules of a CRD give the type of a value in its place, or nothing. */
const NO_VALUE = /^Invalid value: (?:"(?:string|object|array|integer|boolean|number)?"|null): /

/** Why the API server did not take an object, in words, with the fix. Pure. */
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
    return `${message.trimEnd()}; these fields are of another one who applies this object: take them over with --force-conflicts, or leave them out`
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
