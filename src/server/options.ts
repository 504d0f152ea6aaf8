// What a server may be told, with defaults that suit a network on the machine in front of you.
import { z } from 'zod'
import type { BackendOptions } from '../backends/registry.js'
import { checkSettings, count, type Setting, upTo, type ValuesOf } from '../util/settings.js'

interface ServerSetting<T> extends Setting<T> {
  readonly default: NoInfer<T>
}
const table = <V>(rows: { readonly [K in keyof V]: ServerSetting<V[K]> }) => rows

/** Each setting of a server. */
export const SERVER = table({
  /** Default 127.0.0.1: this machine alone. */
  host: {
    schema: z.string().min(1).describe('the name or address of an interface'),
    default: '127.0.0.1',
    option: '--host <name>',
    help: 'the interface to listen on',
    usual: '127.0.0.1, this machine alone',
  },
  /** Default 8000; 0: any that is free. */
  port: {
    schema: z.int().min(0).max(65_535).describe('a whole number from 0 to 65535'),
    default: 8000,
    option: '--port <n>',
    usual: '8000; 0: any that is free',
  },
  /** The most images that go through the network at once; default 8. */
  batchSize: {
    schema: count,
    default: 8,
    option: '--batch-size <n>',
    help: 'images that go through the network at once',
  },
  /** How long an image waits for others to go with it while the network is idle; default 2. */
  maxWaitMilliseconds: {
    schema: z.number().min(0).max(60_000).describe('a number from 0 to 60000'),
    default: 2,
    option: '--max-wait-ms <n>',
    help: 'how long an image waits for others to go with it',
  },
  /** The most images, and the most requests, that are worked on or wait; beyond it 503 is answered. Default 64. */
  queue: { schema: count, default: 64, option: '--queue <n>', help: 'images and requests that may wait; beyond: 503' },
  /** Of a request's body; beyond it 413 is answered. Default 16 MiB. */
  maxBodyBytes: {
    schema: count,
    default: 16 * 2 ** 20,
    option: '--max-body <bytes>',
    help: 'of a request; beyond: 413',
  },
  /** Of an image; larger ones are not decoded. Default 32 million. */
  maxPixels: { schema: count, default: 32_000_000, option: '--max-pixels <n>', help: 'of an image' },
  /** Of a request; default 16. */
  maxImages: { schema: count, default: 16, option: '--max-images <n>', help: 'of a request' },
  /** For sending a request (then 408 is answered), and again for answering it (504); default 30. */
  timeoutSeconds: {
    schema: upTo(3600),
    default: 30,
    option: '--timeout <s>',
    help: 'seconds for sending a request, and again for its answer',
  },
  /** Threads that decode images; default 1. */
  decoders: { schema: count, default: 1, option: '--loader-threads <n>', help: 'threads that prepare images' },
})

/** Every setting of a server. */
export type Limits = ValuesOf<typeof SERVER>
type Given = { readonly [K in keyof Limits]?: Limits[K] | undefined }

export interface ServerOptions extends BackendOptions, Given {
  /** Hears of errors that are not the client's, in a sentence. */
  readonly onError?: ((message: string) => void) | undefined
}

/** With defaults; throws a usage error for a number that makes no sense. */
export const resolveLimits = (options: ServerOptions): Limits => {
  const rows = Object.entries(SERVER) as [keyof Limits, ServerSetting<unknown>][]
  return checkSettings(SERVER, Object.fromEntries(rows.map(([name, row]) => [name, options[name] ?? row.default])))
}
