import type { RequestOptions } from 'node:https'

import { KubeConfig, PortForward } from '@kubernetes/client-node'

import { messageOf } from '../../functions/process/errors.ts'
import { agentKeeper, type Access, type ForwardPort, type TlsOptions } from './access.ts'
import { KubeError } from './client.ts'

/** The server that the library assumes when it finds no kubeconfig. */
const NO_KUBECONFIG_SERVER = 'http://localhost:8080'
/** How long the other side may take to confirm that a connection is closed. */
const CLOSE_TIMEOUT_MS = 1_000

/** Which kubeconfig, and which of its contexts; by default the ones that kubectl would use. */
export interface KubeconfigChoice {
  readonly kubeconfig?: string | undefined
  readonly context?: string | undefined
}

/** The access of a user by a kubeconfig; supports its credential plugins. Throws a KubeError that names the fix. */
export function kubeconfigAccess(choice: KubeconfigChoice): Access {
  const config = load(choice)
  const { server, context, namespace } = currentOf(config, choice)
  const agentFor = agentKeeper(server)
  return {
    server,
    namespace,
    place: `context ${context} (${server})`,
    advice: `see whether the cluster runs and whether its server and certificates in the kubeconfig are right: kubectl --context ${context} version`,
    async credentials() {
      const options: RequestOptions = {}
      await config.applyToHTTPSOptions(options)
      const throughProxy = config.getCurrentCluster()?.proxyUrl !== undefined
      const { agent } = options
      return {
        headers: headersOf(options),
        agent: throughProxy && typeof agent === 'object' ? agent : agentFor(tlsOf(options)),
      }
    },
    forwardPort: forwarder(config),
  }
}

/** Makes a function that connects to ports of pods with the service account of this pod. */
export function serviceAccountForwarder(): ForwardPort {
  const config = new KubeConfig()
  config.loadFromCluster()
  return forwarder(config)
}

function load({ kubeconfig, context }: KubeconfigChoice): KubeConfig {
  const config = new KubeConfig()
  try {
    if (kubeconfig === undefined) config.loadFromDefault()
    else config.loadFromFile(kubeconfig)
  } catch (cause) {
    const name = kubeconfig === undefined ? 'the kubeconfig' : `the kubeconfig ${kubeconfig}`
    throw unusable(`${name} can't be read: ${messageOf(cause)}`, cause)
  }
  if (config.getCurrentCluster()?.server === NO_KUBECONFIG_SERVER)
    throw unusable('there is no kubeconfig: make ~/.kube/config, or name one in KUBECONFIG')
  if (context !== undefined) config.setCurrentContext(context)
  return config
}

function currentOf(config: KubeConfig, { context: wanted }: KubeconfigChoice) {
  const name = config.getCurrentContext() as string | undefined
  const context = name ? config.getContextObject(name) : null
  if (!name || context === null) throw unusable(noContext(config, wanted ?? name))
  const server = config.getCluster(context.cluster)?.server.replace(/\/+$/, '')
  if (server === undefined)
    throw unusable(`context ${name} of the kubeconfig names a cluster ${context.cluster}, which is not in it`)
  return { server, context: name, namespace: context.namespace ?? 'default' }
}

function noContext(config: KubeConfig, wanted: string | undefined): string {
  const names = config.getContexts().map(({ name }) => name)
  const choice = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`
  return wanted
    ? `the kubeconfig has no context ${wanted}; ${choice}`
    : `the kubeconfig has no current context, so name one with --context; ${choice}`
}

function headersOf({ headers, auth }: RequestOptions): Record<string, string> {
  const basic = auth ? { Authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {}
  const others = Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)] as const)
  return { ...basic, ...Object.fromEntries(others) }
}

function tlsOf({
  ca,
  cert,
  key,
  pfx,
  passphrase,
  rejectUnauthorized,
  servername,
}: RequestOptions): TlsOptions {
  return { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername }
}

/** The part of the library's web sockets that is used here; the library has no types for them. */
interface PortSocket {
  readonly bufferedAmount: number
  pause(): void
  resume(): void
  on(event: 'close', listener: () => void): unknown
  close(): void
  terminate(): void
}

function forwarder(config: KubeConfig): ForwardPort {
  const library = new PortForward(config)
  return async ({ namespace, name }, port, { input, output, faults }) => {
    const forwarding: Promise<unknown> = library.portForward(namespace, name, [port], output, faults, input)
    const socket = (await forwarding.catch(throwCause)) as PortSocket
    return {
      waitingBytes: () => socket.bufferedAmount,
      setPaused: (paused) => (paused ? socket.pause() : socket.resume()),
      onClose: (listener) => void socket.on('close', listener),
      close() {
        socket.close()
        setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref()
      },
    }
  }
}

/** Throws the error inside the web socket event that the library throws. */
function throwCause(thrown: unknown): never {
  const { error } = thrown as { readonly error?: unknown }
  throw error instanceof Error ? error : thrown
}

function unusable(message: string, cause?: unknown): KubeError {
  return new KubeError(message, 0, 'NoCluster', cause)
}
