import type { Access } from './access.ts'
import { KubeError, type RequestInfo } from './client.ts'
import { callJson, type HttpRequest } from './http.ts'
import type { Kind } from './kinds.ts'

/** A request without what is the same for all of them. */
export type Outgoing = Omit<HttpRequest, 'onStatus'>

/** Sends requests to one API server, and counts them. */
export interface Caller {
  readonly access: Access
  /** Where an object is that names no namespace. */
  readonly namespace: string
  /** The hook that counts a request. */
  counted(verb: RequestInfo['verb'], kind: Pick<Kind, 'kind'>): Pick<HttpRequest, 'onStatus'>
  /** Sends a request and gives the parsed answer. */
  call(verb: RequestInfo['verb'], kind: Pick<Kind, 'kind'>, request: Outgoing): Promise<unknown>
}

/** What the makers of a client say beside its access. */
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

/** The query of a URL, question mark included; what is undefined or empty is left out. */
export function queryOf(parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => Boolean(entry[1]))
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`
}

/** For catch: undefined where the API server refused with one of these statuses; rethrows all else. */
export function undefinedAt(...statuses: readonly number[]): (fault: unknown) => undefined {
  return (fault) => {
    if (fault instanceof KubeError && statuses.includes(fault.status)) return undefined
    throw fault
  }
}
