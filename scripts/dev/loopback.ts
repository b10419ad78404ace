import { isIP } from 'node:net'

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

/** Whether a URL of one of these protocols, such as `http:`, leads to this machine by a loopback name or address. Pure. */
export function isLoopbackUrl(url: unknown, protocol: 'http:' | 'nats:'): boolean {
  if (typeof url !== 'string' || !URL.canParse(url)) return false
  const parsed = new URL(url)
  return parsed.protocol === protocol && parsed.username === '' && isLoopbackHost(parsed.hostname)
}
