import type { JobEvent } from '../../crds/job.ts'
import type { NeverSinks } from '../../functions/process/never-sinks.ts'
import { NATS_CREDENTIALS, NATS_KEYS } from '../../knative/resources/nats-identity.ts'
import { wrong, type Fault } from '../faults/fault.ts'

/** What the Jobs of a namespace may reach, by settings of the installation. What is left out is not limited. */
export interface Reach {
  /** The prefixes of the names of Secrets. */
  readonly secrets?: readonly string[] | undefined
  /** The names of ConfigMaps from which modules are taken. */
  readonly moduleConfigMaps?: readonly string[] | undefined
  /** The addresses to which results may be sent. */
  readonly sinks?: readonly SinkPattern[] | undefined
}

/** Addresses of sinks: a scheme, a host, of which the first part may be `*`, and a port. */
export interface SinkPattern {
  readonly scheme: 'http:' | 'https:'
  /** In lower case; after `*.` comes what the host ends with. */
  readonly host: string
  /** As in a URL: empty for the default of the scheme, `*` for any. */
  readonly port: string
}

/** The names of the settings. */
export const REACH_KEYS = ['secrets', 'moduleConfigMaps', 'sinks'] as const satisfies (keyof Reach)[]

/** The ConfigMap of the operator's namespace that has the settings, and the limits of namespaces. */
export const LIMITS_CONFIG_MAP = 'jobico-limits'

/** A setting, and what is wrong with it. */
export interface ReadReach {
  readonly reach: Reach
  readonly fault?: string
}

const SECRET_PREFIX = /^[a-z0-9][-.a-z0-9]{0,252}$/
const CONFIG_MAP = /^[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?$/
const SINK = /^(https?:)\/\/((?:\*\.)?[^\s/:*?#@[\]]+|\[[0-9a-f:.]+\])(?::(\d{1,5}|\*))?$/i
const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' }

/**
 * Reads the value of a setting: words between spaces, or `all`, or `none`. Where it can't be read nothing may be reached,
 * since whoever has written it wanted less than all. Pure.
 */
export function readReach(key: (typeof REACH_KEYS)[number], value: string): ReadReach {
  const words = value.trim().split(/\s+/)
  if (words.length === 1 && words[0] === 'all') return { reach: { [key]: undefined } }
  if (words.length === 1 && words[0] === 'none') return { reach: { [key]: [] } }
  const read = key === 'sinks' ? words.map(sinkPattern) : words.map((word) => NAMES[key].test(word) && word)
  const wrongWord = words.find((_word, index) => read[index] === false || read[index] === undefined)
  if (wrongWord === undefined) return { reach: { [key]: read } }
  return { reach: { [key]: [] }, fault: `${wrongWord} is not ${EXAMPLES[key]}, or all, or none` }
}

const NAMES = { secrets: SECRET_PREFIX, moduleConfigMaps: CONFIG_MAP } as const
const EXAMPLES = {
  secrets: 'the start of a name, such as jobico-',
  moduleConfigMaps: 'the name of a ConfigMap',
  sinks:
    'a scheme and a host, such as https://api.example.com, https://*.example.com:8443 or http://orders.shop.svc:*',
} as const

function sinkPattern(word: string): SinkPattern | undefined {
  const [, scheme = '', host = '', port = ''] = SINK.exec(word) ?? []
  const lower = scheme.toLowerCase()
  if (lower !== 'http:' && lower !== 'https:') return undefined
  return { scheme: lower, host: host.toLowerCase(), port: port === DEFAULT_PORTS[lower] ? '' : port }
}

/** Where the settings are, for messages. */
function setting(key: keyof Reach): string {
  return `\`${key}\` in the ConfigMap ${LIMITS_CONFIG_MAP} of the operator's namespace`
}

/** What is refused of an event, by the part that would need it. */
export interface RefusedParts {
  readonly listener?: Fault
  readonly runner?: Fault
}

/** Secrets of Jobico's own: whoever has them has all queues and modules of the namespace, or of all namespaces. */
const OWN_SECRETS: readonly string[] = [NATS_CREDENTIALS, NATS_KEYS.secret]

/** The faults of an event that names a Secret which it may not have. Pure. */
export function refusedSecrets({ env, listener }: JobEvent, { secrets }: Reach): RefusedParts {
  const isRefused = (name: string) =>
    OWN_SECRETS.includes(name) || secrets?.some((prefix) => name.startsWith(prefix)) === false
  const fault = (field: string, name: string) =>
    wrong('SecretNotAllowed', `${field} names the Secret ${name}, ${whyRefused(name, secrets ?? [])}`)
  const tokens = listener.auth?.secretKeyRef.name
  const named = env.flatMap(({ name, valueFrom }) =>
    valueFrom?.secretKeyRef === undefined ? [] : [{ variable: name, secret: valueFrom.secretKeyRef.name }],
  )
  const refused = named.find(({ secret }) => isRefused(secret))
  return {
    ...(tokens !== undefined && isRefused(tokens) ? { listener: fault('listener.auth', tokens) } : {}),
    ...(refused === undefined ? {} : { runner: fault(`env ${refused.variable}`, refused.secret) }),
  }
}

function whyRefused(name: string, prefixes: readonly string[]): string {
  if (OWN_SECRETS.includes(name)) return 'with which Jobico itself gets into NATS; use another Secret'
  return (
    `and Jobs of this namespace may name ${allowedSecrets(prefixes)}; use another Secret, or have the setting changed: ` +
    `${setting('secrets')}. What was made before stays as it is`
  )
}

function allowedSecrets(prefixes: readonly string[]): string {
  return prefixes.length === 0 ? 'no Secrets' : `only those whose names start with ${prefixes.join(' or ')}`
}

/** The fault of an address to which the results of a namespace may not be sent; undefined if they may. Pure. */
export function refusedSink(address: string, { sinks }: Reach, never: NeverSinks): Fault | undefined {
  const url = URL.parse(address)
  if (url === null) return wrong('SinkNotAllowed', `its sink ${address} is no URL; correct output.sink.uri`)
  url.username = ''
  url.password = ''
  const why = never.host(url.hostname)
  if (why !== undefined)
    return wrong(
      'SinkNotAllowed',
      `its sink ${url.href} has ${why}, which never takes results; name another sink`,
    )
  if (sinks === undefined || sinks.some((pattern) => matches(pattern, url))) return undefined
  const allowed = sinks.length === 0 ? 'nowhere' : `only to ${sinks.map(shown).join(', ')}`
  return wrong(
    'SinkNotAllowed',
    `its sink is ${url.href}, and Jobs of this namespace may send results ${allowed}; name another sink, or have the ` +
      `setting changed: ${setting('sinks')}`,
  )
}

function matches({ scheme, host, port }: SinkPattern, { protocol, hostname, port: actual }: URL): boolean {
  if (scheme !== protocol || (port !== '*' && port !== actual)) return false
  const name = hostname.replace(/\.$/, '')
  return host.startsWith('*.') ? name.endsWith(host.slice(1)) : name === host
}

function shown({ scheme, host, port }: SinkPattern): string {
  return `${scheme}//${host}${port === '' ? '' : `:${port}`}`
}

/** Whether modules are taken from a ConfigMap of this name. Pure. */
export function mayHoldModules(name: string, { moduleConfigMaps }: Reach): boolean {
  return moduleConfigMaps === undefined || moduleConfigMaps.includes(name)
}

/** Says that ConfigMaps with modules were left out, where that is so; to go on with a message. Pure. */
export function leftOut(names: readonly string[]): string {
  if (names.length === 0) return ''
  return `; the ConfigMap ${names.slice(0, 3).join(', ')} is not looked at, because of the setting ${setting('moduleConfigMaps')}`
}
