// What a server may be told, with defaults that suit a network on the machine in front of you.
import type { BackendOptions } from '../backends/registry.js'
import { parameterError } from '../errors.js'

export interface ServerOptions extends BackendOptions {
  /** Default 127.0.0.1: this machine alone. */
  readonly host?: string | undefined
  /** Default 8000; 0: any that is free. */
  readonly port?: number | undefined
  /** The most images that go through the network at once; default 8. */
  readonly batchSize?: number | undefined
  /** How long an image waits for others to go with it while the network is idle; default 2. */
  readonly maxWaitMilliseconds?: number | undefined
  /** The most images, and the most requests, that are worked on or wait; beyond it 503 is answered. Default 64. */
  readonly queue?: number | undefined
  /** Of a request's body; beyond it 413 is answered. Default 16 MiB. */
  readonly maxBodyBytes?: number | undefined
  /** Of an image; larger ones are not decoded. Default 32 million. */
  readonly maxPixels?: number | undefined
  /** Of a request; default 16. */
  readonly maxImages?: number | undefined
  /** For sending a request (then 408 is answered), and again for answering it (504); default 30. */
  readonly timeoutSeconds?: number | undefined
  /** Threads that decode images; default 1. */
  readonly decoders?: number | undefined
  /** Hears of errors that are not the client's, in a sentence. */
  readonly onError?: ((message: string) => void) | undefined
}

export type Limits = Required<Omit<ServerOptions, keyof BackendOptions | 'onError'>>

const DEFAULTS: Limits = {
  host: '127.0.0.1',
  port: 8000,
  batchSize: 8,
  maxWaitMilliseconds: 2,
  queue: 64,
  maxBodyBytes: 16 * 2 ** 20,
  maxPixels: 32_000_000,
  maxImages: 16,
  timeoutSeconds: 30,
  decoders: 1,
}

/** With defaults; throws a usage error for a number that makes no sense. */
export function resolveLimits(options: ServerOptions): Limits {
  const limits = Object.fromEntries(
    Object.entries(DEFAULTS).map(([name, value]) => [name, options[name as keyof Limits] ?? value]),
  ) as Limits
  const { host, port, maxWaitMilliseconds, timeoutSeconds, ...counts } = limits
  if (typeof host !== 'string' || host === '') throw parameterError('host', 'the name or address of an interface', host)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw parameterError('port', 'a whole number from 0 to 65535', port)
  }
  for (const [name, value] of Object.entries(counts)) {
    if (!Number.isSafeInteger(value) || value < 1) throw parameterError(name, 'a whole number of at least 1', value)
  }
  if (!(maxWaitMilliseconds >= 0 && maxWaitMilliseconds <= 60_000)) {
    throw parameterError('maxWaitMilliseconds', 'a number from 0 to 60000', maxWaitMilliseconds)
  }
  if (!(timeoutSeconds > 0 && timeoutSeconds <= 3600)) {
    throw parameterError('timeoutSeconds', 'a number above 0 and up to 3600', timeoutSeconds)
  }
  return limits
}
