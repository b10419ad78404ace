import { BlockList, isIP } from 'node:net'

/** What is no sink, whatever a Job says. */
export interface NeverSinks {
  /** Why nothing is sent to this IP address; undefined if something may be. Pure. */
  address(address: string): string | undefined
  /** Why nothing is sent to this host of a URL, as far as its name tells; undefined if something may be. Pure. */
  host(host: string): string | undefined
}

/** Where a process is, which decides what it may not reach. */
export interface NeverSinksOptions {
  /** The host of the API server of Kubernetes. */
  readonly apiServer?: string | undefined
  /** Whether the machine itself may be sent to, as for `jobico dev`. */
  readonly loopback?: boolean
}

/** Addresses of a machine itself; the last ones are what translators of IPv6 make of 127.0.0.0/8. */
const LOOPBACK = [
  ['0.0.0.0', 8, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['::', 128, 'ipv6'],
  ['::1', 128, 'ipv6'],
  ['64:ff9b::7f00:0', 104, 'ipv6'],
] as const
/** Link-local addresses, where clouds have their metadata, and the addresses that some clouds use for it instead. */
const LINK_LOCAL = [
  ['169.254.0.0', 16, 'ipv4'],
  ['fe80::', 10, 'ipv6'],
  ['64:ff9b::a9fe:0', 112, 'ipv6'],
  ['fd00:ec2::254', 128, 'ipv6'],
  ['168.63.129.16', 32, 'ipv4'],
  ['100.100.100.200', 32, 'ipv4'],
] as const
/** Many machines at once. */
const MULTICAST = [
  ['224.0.0.0', 4, 'ipv4'],
  ['255.255.255.255', 32, 'ipv4'],
  ['ff00::', 8, 'ipv6'],
] as const
const LOOPBACK_NAME = /^(?:.+\.)?localhost$/
/** The names of the API server's Service, in any domain of a cluster. */
const API_SERVER_NAME = /^kubernetes\.default(?:\.svc(?:\..+)?)?$/

/** Makes the rules. Link-local addresses, multicast and the API server never take results, loopback only where it may. */
export function neverSinks({ apiServer, loopback = false }: NeverSinksOptions): NeverSinks {
  const rules: readonly (readonly [BlockList, string])[] = [
    ...(loopback ? [] : [[blockList(LOOPBACK), 'an address of the machine itself'] as const]),
    [blockList(LINK_LOCAL), 'a link-local address'],
    [blockList(MULTICAST), 'a multicast address'],
    [blockList(apiServer === undefined ? [] : ranges(apiServer)), 'the address of the API server'],
  ]
  const address: NeverSinks['address'] = (text) => {
    const family = isIP(text) === 6 ? 'ipv6' : 'ipv4'
    return rules.find(([list]) => list.check(text, family))?.[1]
  }
  return {
    address,
    host(host) {
      const name = host
        .replace(/^\[|\]$/g, '')
        .replace(/\.$/, '')
        .toLowerCase()
      if (isIP(name) !== 0) return address(name)
      if (!loopback && LOOPBACK_NAME.test(name)) return 'a name of the machine itself'
      return API_SERVER_NAME.test(name) || name === apiServer ? 'the name of the API server' : undefined
    },
  }
}

type Range = readonly [address: string, prefix: number, family: 'ipv4' | 'ipv6']

function ranges(address: string): readonly Range[] {
  const family = isIP(address)
  if (family === 0) return []
  return [family === 4 ? [address, 32, 'ipv4'] : [address, 128, 'ipv6']]
}

function blockList(wanted: readonly Range[]): BlockList {
  const list = new BlockList()
  for (const [address, prefix, family] of wanted) list.addSubnet(address, prefix, family)
  return list
}
