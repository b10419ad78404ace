import type { Access } from './access.ts'
import { KubeError, type RequestInfo } from './client.ts'
import { callJson, type HttpRequest } from './http.ts'
import type { Kind } from './kinds.ts'

/** A request, but for the hook that `counted` makes. */
export type Outgoing = Omit<HttpRequest, 'onStatus'>

/** Sends requests to one API server, and reports each to `onRequest`. */
export interface Caller {
  readonly access: Access
  /** The namespace of objects that name none. */
  readonly namespace: string
  /** Makes the hook that reports the status of a request to `onRequest`. */
  counted(verb: RequestInfo['verb'], kind: Pick<Kind, 'kind'>): Pick<HttpRequest, 'onStatus'>
  /** Sends a request, and gives the parsed answer. Throws KubeError. */
  call(verb: RequestInfo['verb'], kind: Pick<Kind, 'kind'>, request: Outgoing): Promise<unknown>
}

/** The settings of a client beside its access. */
export interface CallerSettings {
  readonly namespace?: string | undefined
  readonly onRequest: (request: RequestInfo) => void
}

/** Makes the caller of an API server. */
export function createCaller(
  access: Access,
  { namespace = access.namespace, onRequest }: CallerSettings,
): Caller {
  const counted: Caller['counted'] = (verb, { kind }) => ({
    onStatus: (status) => onRequest({ verb, kind, status }),
  })
  return {
    access,
    namespace,
    counted,
    call: (verb, kind, request) => callJson(access, { ...request, ...counted(verb, kind) }),
  }
}

/** The query of a URL with its question mark. Parameters that are undefined or empty are left out. */
export function queryOf(parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => Boolean(entry[1]))
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`
}

/** For `catch`: gives undefined for a KubeError with one of these statuses, and rethrows everything else. */
export function undefinedAt(...statuses: readonly number[]): (fault: unknown) => undefined {
  return (fault) => {
    if (fault instanceof KubeError && statuses.includes(fault.status)) return undefined
    throw fault
  }
}
