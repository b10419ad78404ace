import { existsSync, readdirSync, readFileSync } from 'node:fs'

import { messageOf } from '../../../functions/process/errors.ts'
import { mustRun } from '../../testing/program.ts'

/** A place in the network: a host, by its index, or the processes of the main namespace. */
export type Place = number | 'clients'

/** The way of packets from one place to another. */
export type Pair = readonly [from: Place, to: Place]

/** A network of this test process: hosts in network namespaces of their own, joined to the main namespace by a bridge. */
export interface Network {
  readonly hosts: readonly Host[]
  /**
   * Drops, from now on, the packets from the first place of each pair to the second, and no others; nobody is told. Frames
   * other than IP pass.
   */
  cut(pairs: readonly Pair[]): Promise<void>
  /** Lets a host send and receive only so many kbit/s, and drops what waits longer than LATENCY_MS; undefined: no limit. */
  limit(host: number, kbitPerSecond: number | undefined): Promise<void>
  /** Ends all processes in the namespaces, and removes them. */
  close(): Promise<void>
}

/** One host of a network. */
export interface Host {
  readonly address: string
  /** The command that runs another one in the host. */
  readonly inside: readonly string[]
}

interface NamespacedHost extends Host {
  readonly namespace: string
}

const PREFIX = 'jobico-faults'
const NETNS_FOLDER = '/run/netns'
/** The device by which the processes of the main namespace reach the hosts. A process has one network at a time. */
const CLIENTS_LINK = `jf${process.pid}`
/** RFC 2544: 198.18.0.0/15 is for measurements between networks; each process has eight addresses of it. */
const FIRST_ADDRESS = (198 << 24) | (18 << 16)
const PREFIX_LENGTH = 29
const NETWORKS = 2 ** (PREFIX_LENGTH - 15)
const LATENCY_MS = 400
const BURST_BYTES = 4_096
const NEEDS =
  'three servers need network namespaces: Linux, root (or CAP_SYS_ADMIN and CAP_NET_ADMIN), ip, tc and nft (Debian: ' +
  'iproute2, nftables), and a kernel with veth, bridge, nf_tables for bridges and the tbf queue'

/**
 * Opens a network of `count` hosts, at most 5. First removes what earlier processes left that were killed. Throws an Error
 * that says what is needed when this machine can't have it.
 */
export async function openNetwork(count: number): Promise<Network> {
  await removeLeftNetworks()
  const owner = `${PREFIX}-${process.pid}-${startedAt(process.pid) ?? 'unknown'}`
  const bridge = `${owner}-bridge`
  const hosts = Array.from({ length: count }, (_, index) => hostOf(`${owner}-${index}`, index))
  const close = async () => {
    // The kernel removes the link with the namespace of its other end, but later than its name is needed again.
    if (existsSync(`/sys/class/net/${CLIENTS_LINK}`)) await ip('link', 'del', CLIENTS_LINK)
    await removeNamespaces((name) => name.startsWith(`${owner}-`))
  }
  const drop = async (pairs: readonly Pair[]) => {
    await mustRun('ip', inside(bridge, 'nft', '-f', '-'), { input: rulesOf(pairs) })
  }
  try {
    await makeBridge(bridge)
    for (const [index, host] of hosts.entries()) await joinHost(bridge, portOf(index), host)
    await drop([])
  } catch (cause) {
    await close()
    throw new Error(`${NEEDS}; here: ${messageOf(cause)}`, { cause })
  }
  return {
    hosts,
    cut: drop,
    async limit(host, kbitPerSecond) {
      const ends = [
        [bridge, portOf(host)],
        [hosts[host]?.namespace ?? '', 'eth0'],
      ] as const
      for (const [namespace, device] of ends) await limitDevice(namespace, device, kbitPerSecond)
    },
    close,
  }
}

/** Makes the bridge, in a namespace of its own so that no rule of the main one applies, and joins the clients to it. */
async function makeBridge(bridge: string): Promise<void> {
  await ip('netns', 'add', bridge)
  await ip('-n', bridge, 'link', 'add', 'bridge0', 'type', 'bridge')
  await ip('-n', bridge, 'link', 'set', 'bridge0', 'up')
  await ip('link', 'add', CLIENTS_LINK, 'type', 'veth', 'peer', 'name', 'clients', 'netns', bridge)
  await joinBridge(bridge, 'clients')
  await ip('addr', 'add', `${addressOf('clients')}/${PREFIX_LENGTH}`, 'dev', CLIENTS_LINK)
  await ip('link', 'set', CLIENTS_LINK, 'up')
}

async function joinHost(bridge: string, port: string, { address, namespace }: NamespacedHost): Promise<void> {
  await ip('netns', 'add', namespace)
  const other = ['peer', 'name', 'eth0', 'netns', namespace]
  await ip('-n', bridge, 'link', 'add', port, 'type', 'veth', ...other)
  await joinBridge(bridge, port)
  await ip('-n', namespace, 'addr', 'add', `${address}/${PREFIX_LENGTH}`, 'dev', 'eth0')
  for (const device of ['lo', 'eth0']) await ip('-n', namespace, 'link', 'set', device, 'up')
}

async function limitDevice(
  namespace: string,
  device: string,
  kbitPerSecond: number | undefined,
): Promise<void> {
  const root = ['dev', device, 'root']
  const change =
    kbitPerSecond === undefined ? ['del', ...root] : ['replace', ...root, ...bucketOf(kbitPerSecond)]
  await ip(...inside(namespace, 'tc', 'qdisc', ...change))
}

/** Removes the networks of processes that are gone, with the processes in them. */
export async function removeLeftNetworks(): Promise<void> {
  await removeNamespaces((name) => {
    const [, pid = '', since] = new RegExp(`^${PREFIX}-(\\d+)-(\\d+)-`).exec(name) ?? []
    return pid !== '' && startedAt(Number(pid)) !== since
  })
}

async function removeNamespaces(which: (name: string) => boolean): Promise<void> {
  const names = existsSync(NETNS_FOLDER) ? readdirSync(NETNS_FOLDER).filter(which) : []
  for (const name of names) {
    const pids = (await ip('netns', 'pids', name)).split('\n').filter((line) => line !== '')
    for (const pid of pids) if (existsSync(`/proc/${pid}`)) process.kill(Number(pid), 'SIGKILL')
    await ip('netns', 'del', name)
  }
}

/** When a process was started, in ticks since the boot: with its pid, this names it for ever. */
function startedAt(pid: number): string | undefined {
  const file = `/proc/${pid}/stat`
  if (!existsSync(file)) return undefined
  // The name of the program, in parentheses, may contain anything; after it, the time is the 20th field.
  const text = readFileSync(file, 'utf8')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19]
}

function hostOf(namespace: string, index: number): NamespacedHost {
  return { namespace, address: addressOf(index), inside: ['ip', ...inside(namespace)] }
}

function inside(namespace: string, ...command: readonly string[]): string[] {
  return ['netns', 'exec', namespace, ...command]
}

const portOf = (index: number) => `host${index}`

/** The address of a place in this process's network; the network's own comes first, then that of the clients. */
function addressOf(place: Place): string {
  const size = 2 ** (32 - PREFIX_LENGTH)
  const bits = FIRST_ADDRESS + (process.pid % NETWORKS) * size + (place === 'clients' ? 1 : place + 2)
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.')
}

async function joinBridge(bridge: string, device: string): Promise<void> {
  await ip('-n', bridge, 'link', 'set', device, 'master', 'bridge0')
  await ip('-n', bridge, 'link', 'set', device, 'up')
}

function bucketOf(kbitPerSecond: number): string[] {
  const rate = ['rate', `${kbitPerSecond}kbit`]
  return ['tbf', ...rate, 'burst', String(BURST_BYTES), 'latency', `${LATENCY_MS}ms`]
}

/** All rules of the bridge, which replace those before them in one step. */
function rulesOf(pairs: readonly Pair[]): string {
  const drops = pairs.map(([from, to]) => `ip saddr ${addressOf(from)} ip daddr ${addressOf(to)} drop`)
  return [
    'flush ruleset',
    'table bridge faults {',
    'chain forwarded { type filter hook forward priority 0; policy accept;',
    ...drops,
    '}',
    '}',
    '',
  ].join('\n')
}

function ip(...args: readonly string[]): Promise<string> {
  return mustRun('ip', args)
}
