import type { Plugin } from 'esbuild'

/** A CommonJS module that another module requires when it loads, but hardly ever uses. */
interface LazyModule {
  readonly request: string
  readonly importer: RegExp
  /** Set when no process ever uses it: the bundle leaves it out. */
  readonly never?: true
}

const FASTIFY = /node_modules\/fastify\//
const PINO = /node_modules\/pino\//
const PROMETHEUS = /node_modules\/prom-client\//

/** Modules that a process would load for nothing. Their importers read members only later, so a proxy can replace them. */
const LAZY: readonly LazyModule[] = [
  // For HTTP/2, HTTPS, versions of plugins, and trusted proxies.
  { request: 'node:http2', importer: FASTIFY },
  { request: 'node:https', importer: FASTIFY },
  { request: 'semver', importer: FASTIFY },
  { request: '@fastify/proxy-addr', importer: FASTIFY },
  // For schemas of routes, and requests that tests inject.
  { request: '@fastify/ajv-compiler', importer: FASTIFY, never: true },
  { request: '@fastify/fast-json-stringify-compiler', importer: FASTIFY, never: true },
  { request: 'light-my-request', importer: FASTIFY, never: true },
  // For a NATS server that requires TLS.
  { request: 'node:tls', importer: /node_modules\/@nats-io\/transport-node\// },
  // For logs that a thread writes; metrics of several processes, pushed metrics, and exemplars.
  { request: 'thread-stream', importer: PINO, never: true },
  { request: './lib/cluster', importer: PROMETHEUS, never: true },
  { request: './lib/pushgateway', importer: PROMETHEUS, never: true },
  { request: '@opentelemetry/api', importer: PROMETHEUS, never: true },
  { request: 'v8', importer: PROMETHEUS },
]
const NAMESPACE = 'lazy-module'

/** An esbuild plugin that loads these modules when they are first used, and leaves out those that never are. */
export function lazyModules(): Plugin {
  return {
    name: NAMESPACE,
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /./ }, ({ path, importer, resolveDir, namespace }) => {
        const lazy = LAZY.find(({ request, importer: of }) => request === path && of.test(importer))
        if (lazy === undefined || namespace === NAMESPACE) return undefined
        return { path, namespace: NAMESPACE, pluginData: { resolveDir, never: lazy.never } }
      })
      onLoad({ filter: /./, namespace: NAMESPACE }, ({ path, pluginData }) => {
        const { resolveDir, never } = pluginData as { readonly resolveDir: string; readonly never?: true }
        return { contents: standIn(path, never), resolveDir }
      })
    },
  }
}

function standIn(request: string, never: true | undefined): string {
  const name = JSON.stringify(request)
  const load = never
    ? `throw new Error(${name} + ' is not part of this bundle: see scripts/bundling/lazy-modules.ts')`
    : `return require(${name})`
  return `
function load() { ${load} }
module.exports = new Proxy(function () {}, {
  get: (_, name) => load()[name],
  apply: (_, self, args) => Reflect.apply(load(), self, args),
  construct: (_, args) => Reflect.construct(load(), args),
})`
}
