import { isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'

/** Whether a host reaches only this machine: `localhost`, a name below it, or a loopback address; IPv6 also in brackets. Pure. */
export function isLoopbackHost(host: string): boolean {
  const name = host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
  if (isIP(name) === 4) return name.startsWith('127.')
  if (isIP(name) === 6) return new URL(`http://[${name}]`).hostname === '[::1]'
  return name === 'localhost' || name.endsWith('.localhost')
}

/**
 * Whether a URL of one of these protocols leads to this machine: by a loopback name or address or, for `jobico dev --host`, by
 * an address or the name that it has in a network.
 */
export function isLocalUrl(url: unknown, protocol: 'http:' | 'nats:'): boolean {
  if (typeof url !== 'string' || !URL.canParse(url)) return false
  const { protocol: own, username, hostname: host } = new URL(url)
  return own === protocol && username === '' && (isLoopbackHost(host) || isOwnHost(host))
}

function isOwnHost(host: string): boolean {
  const addresses = Object.values(networkInterfaces()).flatMap((each = []) => each)
  const name = host.replace(/^\[(.*)\]$/, '$1')
  return name === hostname().toLowerCase() || addresses.some(({ address }) => address === name)
}
