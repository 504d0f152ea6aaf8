// The engine in WebAssembly. The thread that has it allocates, compiles and copies; others run programs, if there are any. Without
// them it runs them itself, and nothing else happens meanwhile.
import { DenseNetError } from '../../errors.js'
import type { Engine, Stored } from '../compiled/backend.js'
import type { Exports, Memory } from './platform.js'
import type { Thread } from './thread.js'

/** Something in the memory: freed when nobody uses it any more, or when it is forgotten. */
interface Held {
  readonly address: number
  uses: number
}

export type WasmBuffer = Held

export interface WasmProgram extends Held {
  readonly calls: number
  readonly buffers: readonly WasmBuffer[]
}

/** WebAssembly's addresses have 32 bits. */
const MOST_BYTES = 2 ** 32 - 2 ** 16

export interface Parts {
  readonly exports: Exports
  readonly memory: Memory
  /** None: runs are the caller's. */
  readonly threads: readonly Thread[]
  readonly title: string
}

export function openEngine({ exports, memory, threads, title }: Parts): Engine<WasmBuffer, WasmProgram> {
  const workers = Math.max(1, threads.length)
  const freeing = new FinalizationRegistry<() => void>(free => free())
  const hold = <T extends Held>(held: T, free: (address: number) => void): T => {
    const { address } = held
    freeing.register(held, () => free(address), held)
    return held
  }
  const drop = (held: Held, free: (address: number) => void): void => {
    held.uses--
    if (held.uses > 0) return
    freeing.unregister(held)
    free(held.address)
  }
  const dropBuffer = (buffer: WasmBuffer): void => drop(buffer, exports.release)
  const dropProgram = (program: WasmProgram): void => {
    drop(program, exports.releaseProgram)
    if (program.uses === 0) program.buffers.forEach(dropBuffer)
  }

  // The memory's buffer is another one whenever it has grown.
  const bytesAt = ({ address }: Held, offset: number, count: number): Uint8Array =>
    new Uint8Array(memory.buffer, address + offset, count)
  const bytesOf = ({ buffer, byteOffset, byteLength }: Stored): Uint8Array =>
    new Uint8Array(buffer, byteOffset, byteLength)
  const allocate = (bytes: number): number => (bytes > MOST_BYTES ? 0 : exports.allocate(bytes) >>> 0)
  /** What is said of numbers that lie in the memory meanwhile. */
  const ask = <T>(numbers: Float64Array | Uint32Array, question: (address: number) => T): T => {
    const address = allocate(numbers.byteLength)
    if (address === 0) throw outOfMemory('a program')
    try {
      const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
      new Uint8Array(memory.buffer, address, bytes.length).set(bytes)
      return question(address)
    } finally {
      exports.release(address)
    }
  }
  const outOfMemory = (what: string): DenseNetError => {
    const used = Math.ceil(exports.used() / 2 ** 20)
    return new DenseNetError(
      `there is not enough memory for ${what}: WebAssembly has 4096 MB at most, and no more than the system gives; ${used} MB are in use`,
      { hint: 'use a smaller --batch-size, --memory recompute, or --backend native' },
    )
  }

  let last: Promise<unknown> = Promise.resolve()
  let ended: string | null = null
  const end = (why: string): void => {
    ended ??= why
    for (const thread of threads) thread.end()
  }
  const work = async ({ address }: WasmProgram): Promise<void> => {
    if (threads.length === 0) return exports.work(address, 0)
    try {
      await Promise.all(threads.map(thread => thread.work(address)))
    } catch (error) {
      // The others would wait for it.
      end(`one of its threads failed (${(error as Error).message})`)
      throw new DenseNetError(`the wasm backend cannot go on: ${ended}`, { cause: error })
    }
  }
  const runNow: Engine<WasmBuffer, WasmProgram>['run'] = async (program, args, timed) => {
    if (ended !== null) throw new DenseNetError(`a compiled program cannot be run: ${ended}`)
    const { batch, learningRate, seed, step, keep, add } = args
    if (!exports.begin(program.address, batch, learningRate, seed, step, keep, add, timed)) {
      throw new DenseNetError(
        `a compiled program cannot be run: it needs more scratch for ${batch} images than it was given`,
      )
    }
    await work(program)
    if (!timed) return undefined
    return new Float64Array(memory.buffer, exports.seconds(program.address) >>> 0, program.calls).slice()
  }

  return {
    name: 'wasm',
    description: `${title}, ${workers} thread${workers === 1 ? '' : 's'}`,
    memory,
    createBuffer(bytes) {
      const address = allocate(bytes)
      return address === 0 ? null : hold({ address, uses: 1 }, exports.release)
    },
    writeBuffer: (buffer, data, offset) => bytesAt(buffer, offset, data.byteLength).set(bytesOf(data)),
    readBuffer: (buffer, into, offset) => bytesOf(into).set(bytesAt(buffer, offset, into.byteLength)),
    releaseBuffer: dropBuffer,
    refuses: code =>
      ask(code, address => {
        const text = exports.refuses(address, code.length) >>> 0
        return text === 0 ? null : `the wasm backend ${textAt(memory, text)}`
      }),
    scratchBytes(code) {
      const bytes = ask(code, address => exports.scratchBytes(address, code.length, workers))
      if (bytes < 0) throw outOfMemory('a program')
      return bytes
    },
    compile(code, buffers, arena) {
      const addresses = Uint32Array.from(buffers, buffer => buffer?.address ?? 0)
      const compiled = ask(code, program =>
        ask(addresses, places => exports.compile(program, code.length, workers, places, arena?.address ?? 0) >>> 0),
      )
      if (compiled === 0) return null
      const used = [...buffers, arena].filter(buffer => buffer !== null)
      for (const buffer of used) buffer.uses++
      return hold({ address: compiled, uses: 1, calls: code[7]!, buffers: used }, exports.releaseProgram)
    },
    releaseProgram: dropProgram,
    run(program, args, timed) {
      program.uses++
      const run = last.then(() => runNow(program, args, timed)).finally(() => dropProgram(program))
      last = run.catch(() => {})
      return run
    },
    outOfMemory,
    dispose: () => void last.then(() => end('its backend was disposed of')),
  }
}

function textAt(memory: Memory, address: number): string {
  const bytes = new Uint8Array(memory.buffer, address)
  return String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0)))
}
