// `densenet serve` as a part: a network behind HTTP. close() answers what has come, refuses what comes, and frees all.
import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import type { DenseNet } from '../densenet.js'
import { DenseNetError, usageError } from '../errors.js'
import { errorCode } from '../node/files.js'
import type { App } from './app.js'
import { Metrics } from './metrics.js'
import { resolveLimits, type ServerOptions } from './options.js'

export type { ServerOptions } from './options.js'

/** A server that runs. */
export interface DenseNetServer {
  /** Where it is reached: http://127.0.0.1:8000 */
  readonly url: string
  /** "native: AVX-512, 2 threads" */
  readonly backend: string
  /** The handler itself: app.fetch(request) answers without a socket. */
  readonly app: App
  /** Takes no more requests; resolves when those that have come are answered and everything is freed. */
  close(): Promise<void>
}

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }

/** Serves a network until close() is called. The server has weights of its own: the model may be disposed of. */
export async function createServer(model: DenseNet, options: ServerOptions = {}): Promise<DenseNetServer> {
  model.requireClassifier('serving')
  const { onError = message => process.emitWarning(message) } = options
  const limits = resolveLimits(options)
  // Who trains need not load these.
  const [{ createAdaptorServer }, { createApp }, { serveNetwork }] = await Promise.all([
    import('@hono/node-server'),
    import('./app.js'),
    import('./network.js'),
  ])
  const metrics = new Metrics(limits.batchSize)
  const network = await serveNetwork(model, options, limits, metrics)
  let closing: Promise<void> | null = null
  const stopping = (): boolean => closing !== null
  try {
    const app = createApp({ model, network, limits, metrics, version, stopping, onError })
    const timeout = 1000 * limits.timeoutSeconds
    const server = createAdaptorServer({
      fetch: app.fetch,
      serverOptions: {
        // A request has to come within the time, its headers within a third of it; idle connections may stay a little.
        requestTimeout: timeout,
        headersTimeout: Math.ceil(timeout / 3),
        keepAliveTimeout: 5000,
        connectionsCheckingInterval: Math.min(1000, Math.ceil(timeout / 10)),
        maxHeaderSize: 16_384,
      },
    }) as Server
    server.maxConnections = 4 * limits.queue + 64
    await listen(server, limits)
    const { port } = server.address() as AddressInfo
    const name = limits.host.includes(':') ? `[${limits.host}]` : limits.host
    return {
      url: `http://${name}:${port}`,
      backend: network.backend,
      app,
      close() {
        closing ??= stop(server, timeout).finally(() => network.close())
        return closing
      },
    }
  } catch (error) {
    await network.close()
    throw error
  }
}

function listen(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', error => {
      const code = errorCode(error)
      if (code === 'EADDRINUSE') {
        reject(
          new DenseNetError(`port ${port} of ${host} is in use`, {
            hint: 'choose another --port; 0 takes any that is free',
          }),
        )
      } else if (code === 'EACCES') {
        reject(new DenseNetError(`no permission to listen on port ${port}`, { hint: 'choose a --port above 1023' }))
      } else if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
        reject(usageError(`this machine has no interface ${host}`, '--host 0.0.0.0 takes all there are'))
      } else reject(error)
    })
    server.listen(port, host, () => resolve())
  })
}

/** Clients that take longer than `timeout` are cut off. */
function stop(server: Server, timeout: number): Promise<void> {
  return new Promise(resolve => {
    const cut = setTimeout(() => server.closeAllConnections(), timeout)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
    server.closeIdleConnections()
  })
}
