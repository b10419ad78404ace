import type { Plugin } from 'esbuild'

/** A CommonJS module that another one requires at its start, and needs in rare cases at most. */
interface LazyModule {
  readonly request: string
  readonly importer: RegExp
}

/** What the start of a process would load in vain. Each is used by its importer as a whole, never taken apart at once. */
const LAZY: readonly LazyModule[] = [
  // Servers of HTTP/2 and of HTTPS.
  { request: 'node:http2', importer: /node_modules\/fastify\/lib\/server\.js$/ },
  { request: 'node:https', importer: /node_modules\/fastify\/lib\/server\.js$/ },
  // Connections to a NATS that asks for TLS.
  { request: 'node:tls', importer: /node_modules\/@nats-io\/transport-node\/lib\/node_transport\.js$/ },
  // Metrics that are pushed, and logs that are written by a thread.
  { request: './lib/pushgateway', importer: /node_modules\/prom-client\/index\.js$/ },
  { request: 'thread-stream', importer: /node_modules\/pino\/lib\/transport\.js$/ },
]
const NAMESPACE = 'lazy'

/** Loads the modules of LAZY when something of them is first used. */
export function lazyModules(): Plugin {
  return {
    name: NAMESPACE,
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /./ }, ({ path, importer, resolveDir, namespace }) =>
        namespace !== NAMESPACE && LAZY.some((lazy) => lazy.request === path && lazy.importer.test(importer))
          ? { path, namespace: NAMESPACE, pluginData: resolveDir }
          : undefined,
      )
      onLoad({ filter: /./, namespace: NAMESPACE }, ({ path, pluginData }) => ({
        contents: standIn(path),
        resolveDir: pluginData as string,
      }))
    },
  }
}

function standIn(request: string): string {
  return `
const load = () => require(${JSON.stringify(request)})
module.exports = new Proxy(function () {}, {
  get: (_, name) => load()[name],
  apply: (_, self, args) => Reflect.apply(load(), self, args),
  construct: (_, args) => Reflect.construct(load(), args),
})`
}
