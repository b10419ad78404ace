import { isLoopbackHost } from '../loopback.ts'

/**
 * Why a request may come from a web page of another place, which a browser on this machine shows: such a page can send requests
 * to loopback addresses, and by DNS rebinding under a name of its own. Undefined if it does not.
 *
 * `isOpen` says that the gateway listens for other machines too. They use names that it can not know, so that only `Origin`
 * is held against the name in the same request.
 */
export function strangerFault(rawHeaders: readonly string[], isOpen: boolean): string | undefined {
  const hosts = valuesOf(rawHeaders, 'host')
  const foreign = hosts.find((host) => !isLoopbackHost(nameOf(host)))
  if (foreign !== undefined && !isOpen)
    return `the request is for the host ${shown(foreign)}, and jobico dev takes only those for localhost and loopback addresses; send it to one of these, or start jobico dev with --host if other machines are to send events`
  const origin = valuesOf(rawHeaders, 'origin').find((each) => !isAllowed(each, hosts))
  return origin === undefined
    ? undefined
    : `the request comes from a web page of ${shown(origin)}, and jobico dev takes only those from pages of this machine; serve the page from localhost`
}

function isAllowed(origin: string, hosts: readonly string[]): boolean {
  if (!URL.canParse(origin)) return false // such as null, of a page in a sandbox
  const { protocol, hostname, host } = new URL(origin)
  if (protocol !== 'http:' && protocol !== 'https:') return false
  return isLoopbackHost(hostname) || (hosts.length === 1 && hosts[0]?.toLowerCase() === host)
}

function valuesOf(rawHeaders: readonly string[], name: string): readonly string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name)
}

/** The name or address in a `Host` header, without its port. */
function nameOf(host: string): string {
  return host.trim().replace(/:\d*$/, '')
}

const MOST_SHOWN = 100

function shown(value: string): string {
  return JSON.stringify(value.slice(0, MOST_SHOWN))
}
