import { randomBytes } from 'node:crypto'

import { credentials } from '../../functions/identity/issue.ts'
import { decodeKeys, encodeKeys, newKeys, type InstallationKeys } from '../../functions/identity/keys.ts'
import { serverConfig } from '../../functions/identity/server-config.ts'
import { JobicoError } from '../../functions/process/errors.ts'
import type { Log } from '../../functions/process/log.ts'
import { KubeError, type Kube } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { ANNOTATIONS, LABELS, MANAGER } from '../../knative/resources/labels.ts'
import { NATS_ACCOUNTS_FOLDER, NATS_KEYS, NATS_SERVER } from '../../knative/resources/nats-identity.ts'
import { nextKeys, phaseOf, type RotationFacts } from './rotation.ts'

/** The keys of the installation, as this process knows them. */
export interface KnownKeys {
  /** The same object until they change. Throws QUEUE_UNAVAILABLE while they are not known. */
  get(): InstallationKeys
  /** Reads them, and tells whether they have changed. While they can't be read, the last ones stay. */
  read(): Promise<boolean>
}

/** What the leader does for the installation, beside. */
export interface Installation extends KnownKeys {
  /**
   * Makes the keys if there are none, takes the next step of a rotation, and keeps the servers' part of the configuration as
   * it is to be. Tells whether the keys have changed. Throws KubeError, and CONFIG_INVALID if the Secret holds something else.
   */
  keep(facts: Pick<RotationFacts, 'serversKnowNext' | 'isIssued'>, now: Date): Promise<boolean>
}

/** How long the servers' part is taken to be as it was applied. */
const APPLY_MS = 3_600_000

type Data = Readonly<Record<string, string>>
interface DataObject extends KubeObject {
  readonly type?: string
  readonly data?: Data
}

/** Reads and keeps the keys in the namespace of the operator. */
export function createInstallation(kube: Kube, namespace: string, log: Log): Installation {
  let known: InstallationKeys | undefined
  let text = ''
  let password = newPassword()
  let applied = { config: '', at: -Infinity }
  const learn = (keys: InstallationKeys): boolean => {
    const now = encodeKeys(keys)
    if (now === text) return false
    known = keys
    text = now
    return true
  }
  const readSecret = () => kube.get<DataObject>(KINDS.secret, { namespace, name: NATS_KEYS.secret })
  const readServer = () => kube.get<DataObject>(KINDS.configMap, { namespace, name: NATS_SERVER.configMap })

  /** If the Secret is gone but servers know the installation, keeps its name: streams are stored under it. */
  const make = async (now: Date): Promise<void> => {
    const id = (await readServer())?.data?.[NATS_SERVER.id]
    const keys = known ?? newKeys(now, id)
    if (id !== undefined && known === undefined)
      log.warn('The keys of NATS are gone, so there are new ones; restart the servers: they do not know them')
    const secret = keysSecret(namespace, keys, { password, phase: undefined })
    try {
      await kube.create(KINDS.secret, secret)
    } catch (fault) {
      if (!(fault instanceof KubeError) || fault.status !== 409) throw fault
    }
  }

  const applyServerConfig = async (keys: InstallationKeys): Promise<void> => {
    const config = serverConfig(keys, NATS_ACCOUNTS_FOLDER)
    if (config === applied.config && performance.now() - applied.at < APPLY_MS) return
    await kube.apply(KINDS.configMap, serverConfigMap(namespace, keys.id, config), {
      manager: MANAGER,
      force: true,
    })
    applied = { config, at: performance.now() }
  }

  return {
    get() {
      if (known !== undefined) return known
      throw new JobicoError(
        'QUEUE_UNAVAILABLE',
        `the operator has no keys for NATS yet; see whether there is a Secret ${NATS_KEYS.secret} in ${namespace}, and its log`,
      )
    },
    async read() {
      try {
        const secret = await readSecret()
        return secret === undefined ? false : learn(keysOf(secret))
      } catch (err) {
        log.warn({ err }, 'Could not read the keys of NATS; the last ones stay')
        return false
      }
    },
    async keep(facts, now) {
      let secret = await readSecret()
      if (secret === undefined) {
        await make(now)
        secret = await readSecret()
      }
      if (secret === undefined) throw new Error(`the Secret ${NATS_KEYS.secret} was removed just now`)
      const before = keysOf(secret)
      const says = secret.metadata.annotations?.[ANNOTATIONS.rotation]
      const keys = await nextKeys(before, { ...facts, says, now })
      const phase = phaseOf(keys, says)
      password = decoded(secret)[NATS_KEYS.clusterPassword] ?? password
      const wanted = keysSecret(namespace, keys, { password, phase })
      if (phase !== says || !covers(secret.data, wanted.data))
        await kube.replace(KINDS.secret, { ...secret, ...merged(secret, wanted) })
      if (keys !== before) log.info({ phase }, 'Took a step of the rotation of the keys of NATS')
      await applyServerConfig(keys)
      return learn(keys)
    },
  }
}

function keysOf(secret: DataObject): InstallationKeys {
  return decodeKeys(decoded(secret)[NATS_KEYS.keys] ?? '', `the Secret ${NATS_KEYS.secret}`)
}

function decoded({ data = {} }: DataObject): Data {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
  )
}

/** Letters and digits alone: it stands in a URL and in the configuration of the servers. It does not begin like a number. */
function newPassword(): string {
  return `c${randomBytes(24).toString('hex')}`
}

const OWN_LABELS = {
  [LABELS.name]: 'jobico',
  [LABELS.partOf]: 'jobico',
  [LABELS.managedBy]: MANAGER,
}

interface Extras {
  /** With which the servers of a cluster know each other. */
  readonly password: string
  readonly phase: string | undefined
}

/** The Secret with the keys. Pods of the servers get their own entries of it alone. Pure. */
export function keysSecret(
  namespace: string,
  keys: InstallationKeys,
  { password, phase }: Extras,
): DataObject & { readonly data: Data } {
  const entries = {
    [NATS_KEYS.keys]: encodeKeys(keys),
    [NATS_KEYS.clusterPassword]: password,
    [NATS_KEYS.storage]: credentials(keys, 'storage', 'storage'),
  }
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: {
      ...{ namespace, name: NATS_KEYS.secret, labels: OWN_LABELS },
      ...(phase === undefined ? {} : { annotations: { [ANNOTATIONS.rotation]: phase } }),
    },
    data: Object.fromEntries(
      Object.entries(entries).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    ),
  }
}

function covers(have: Data = {}, wanted: Data): boolean {
  return Object.entries(wanted).every(([key, value]) => have[key] === value)
}

/** What others have added to the Secret stays. */
function merged({ metadata, data }: DataObject, wanted: DataObject): DataObject {
  const others = Object.entries(metadata.annotations ?? {}).filter(([name]) => name !== ANNOTATIONS.rotation)
  const annotations = { ...Object.fromEntries(others), ...wanted.metadata.annotations }
  return {
    metadata: { ...metadata, annotations },
    data: { ...data, ...wanted.data },
  }
}

/** The servers' part of the configuration, which has no secret, and the name of the installation. Pure. */
function serverConfigMap(namespace: string, id: string, config: string): DataObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace, name: NATS_SERVER.configMap, labels: OWN_LABELS },
    data: { [NATS_SERVER.config]: config, [NATS_SERVER.id]: id },
  }
}
