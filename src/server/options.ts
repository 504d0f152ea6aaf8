// What a server may be told, with defaults that suit a network on the machine in front of you.
import * as z from 'zod'
import type { BackendOptions } from '../backends/registry.js'
import { checkSettings, count, type Setting, upTo, type ValuesOf } from '../util/settings.js'

interface ServerSetting<T> extends Setting<T> {
  readonly default: NoInfer<T>
}
const row = <T>(
  schema: z.ZodType<T>,
  usual: NoInfer<T>,
  option = '',
  help = '',
  more: Partial<ServerSetting<T>> = {},
): ServerSetting<T> => ({ schema, default: usual, option, help, ...more })

/** Each setting of a server. */
export const SERVER = {
  /** Default 127.0.0.1: this machine alone. */
  host: row(
    z.string().min(1).describe('the name or address of an interface'),
    '127.0.0.1',
    '--host <name>',
    'the interface to listen on',
    { usual: '127.0.0.1, this machine alone' },
  ),
  /** Default 8000; 0: any that is free. */
  port: row(z.int().min(0).max(65_535).describe('a whole number from 0 to 65535'), 8000, '--port <n>', '', {
    usual: '8000; 0: any that is free',
  }),
  /** The most images that go through the network at once; default 8. */
  batchSize: row(count, 8, '--batch-size <n>', 'images that go through the network at once'),
  /** How long an image waits for others to go with it while the network is idle; default 2. */
  maxWaitMilliseconds: row(
    z.number().min(0).max(60_000).describe('a number from 0 to 60000'),
    2,
    '--max-wait-ms <n>',
    'how long an image waits for others to go with it',
  ),
  /** The most images, and the most requests, that are worked on or wait; beyond it 503 is answered. Default 64. */
  queue: row(count, 64, '--queue <n>', 'images and requests that may wait; beyond: 503'),
  /** Of a request's body; beyond it 413 is answered. Default 16 MiB. */
  maxBodyBytes: row(count, 16 * 2 ** 20, '--max-body <bytes>', 'of a request; beyond: 413'),
  /** Of an image; larger ones are not decoded. Default 32 million. */
  maxPixels: row(count, 32_000_000, '--max-pixels <n>', 'of an image'),
  /** Of a request; default 16. */
  maxImages: row(count, 16, '--max-images <n>', 'of a request'),
  /** For sending a request (then 408 is answered), and again for answering it (504); default 30. */
  timeoutSeconds: row(upTo(3600), 30, '--timeout <s>', 'seconds for sending a request, and again for its answer'),
  /** Threads that decode images; default 1. */
  decoders: row(count, 1, '--loader-threads <n>', 'threads that prepare images'),
}

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
