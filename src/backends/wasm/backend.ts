// The wasm backend: the C++ kernels as WebAssembly, run by threads on one shared memory.
import { FINGERPRINT } from '../../engine/encode.js'
import { DenseNetError } from '../../errors.js'
import { type CompiledBackend, checkThreads, createCompiledBackend } from '../compiled/backend.js'
import { type Build, chooseBuild, ownSources, type Sources, titles } from './builds.js'
import { openEngine } from './engine.js'
import type { Host } from './host.js'
import { instantiate, type Memory, type Module, place } from './platform.js'
import { startThread } from './thread.js'
import { webHost } from './web.js'

export interface WasmOptions {
  /** Default: one per core; one where memory cannot be shared. The results do not depend on it. */
  readonly threads?: number
  /** `simd` or `relaxed`; default: `relaxed` where it can be run. */
  readonly instructionSet?: string
  /** The builds there are; default: the package's own, from where it was loaded. */
  readonly sources?: Sources
  /** Told why there is one thread only, and what to do about it. */
  readonly onWarning?: (message: string) => void
  readonly host?: Host
}

/** Throws a DenseNetError where it cannot be loaded. */
export async function createWasmBackend(options: WasmOptions = {}): Promise<CompiledBackend> {
  const { sources = ownSources, host = webHost, onWarning } = options
  const build = chooseBuild(sources, options.instructionSet)
  const threads = checkThreads(options.threads, host.alone === null ? host.cores : 1)
  if (host.alone !== null && options.threads !== 1) onWarning?.(`the wasm backend runs on one thread: ${host.alone}`)
  const module = await load(build, sources, host)
  const memory = createMemory()
  const exports = instantiate(module, memory)
  if (exports.vocabulary() !== FINGERPRINT) {
    throw new DenseNetError('the wasm backend cannot be used (its module is a build of another version)', {
      hint: 'take the one of this package; in a clone of the repository build it anew: npm run build:whole',
    })
  }
  const begin = (worker: number) =>
    startThread(host, { module, memory, worker, stack: (exports.allocate(STACK) >>> 0) + STACK })
  const started = host.alone === null ? await Promise.all(Array.from({ length: threads }, (_, i) => begin(i))) : []
  return createCompiledBackend(openEngine({ exports, memory, threads: started, title: titles[build] }), 'float32')
}

/** Of each thread. */
const STACK = 2 ** 18

async function load(build: Build, sources: Sources, host: Host): Promise<Module> {
  const source = sources[build]!
  const bytes = source instanceof Uint8Array ? source : await host.read(source)
  try {
    return await place.WebAssembly!.compile(bytes)
  } catch (error) {
    throw new DenseNetError(`the wasm backend cannot be loaded (${(error as Error).message})`, { cause: error })
  }
}

/** As large as it may become, which takes nothing but addresses; some systems have not so many. */
function createMemory(): Memory {
  for (const maximum of [65536, 32768, 16384]) {
    try {
      return new place.WebAssembly!.Memory({ initial: 32, maximum, shared: true })
    } catch {
      // The next one.
    }
  }
  throw new DenseNetError('the wasm backend cannot be loaded (there are no addresses left for 1024 MB of memory)', {
    hint: 'close other pages or programs',
  })
}
