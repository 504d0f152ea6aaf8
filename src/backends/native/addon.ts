// The only typed face of the C++ addon, and how it is found.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { FINGERPRINT } from '../../engine/encode.js'
import { PRECISIONS, type Precision } from '../../engine/program.js'
import { DenseNetError, parameterError } from '../../errors.js'
import type { Stored } from '../compiled/backend.js'
import type { Choice } from '../compiled/choice.js'

/** Opaque handles; each keeps its memory until released or garbage collected. */
export type BufferHandle = { readonly __buffer: unique symbol }
export type PoolHandle = { readonly __pool: unique symbol }
export type ProgramHandle = { readonly __program: unique symbol }

export interface InstructionSet {
  /** As in DENSENET_ISA: avx512, avx2, neon, portable. */
  readonly name: string
  readonly title: string
  /** Whether this build has kernels for it, in the precision that was asked for: `npm ci` makes what the processor at hand runs best. */
  readonly built: boolean
}

/** Programs and calls are encoded (engine/encode.ts). */
export interface Addon {
  /** Of the vocabulary that it was built for: an older build would answer, but wrongly. */
  readonly vocabulary?: number
  /** What this processor can run and makes a difference to a precision, best first. */
  instructionSets(precision: Precision): InstructionSet[]
  /** Zeroed memory, or null when there is not enough. */
  createBuffer(bytes: number): BufferHandle | null
  /** Bytes as they are, at a byte of the buffer. */
  writeBuffer(buffer: BufferHandle, data: Stored, offset: number): void
  readBuffer(buffer: BufferHandle, into: Stored, offset: number): void
  releaseBuffer(buffer: BufferHandle): void
  createPool(workers: number): PoolHandle
  releasePool(pool: PoolHandle): void
  /** Why there is no kernel for a call, or null. */
  refuses(isa: string, call: Float64Array): string | null
  /** What compile() takes besides the buffers. Throws, as compile() does, for a call that is refused. */
  scratchBytes(isa: string, workers: number, program: Float64Array): number
  /** `buffers[i]` is the memory of buffer i, null for transient ones and those that no call names. Null when there is not enough memory. */
  compile(
    isa: string,
    workers: number,
    program: Float64Array,
    buffers: readonly (BufferHandle | null)[],
    arena: BufferHandle | null,
  ): ProgramHandle | null
  releaseProgram(program: ProgramHandle): void
  /** Resolves to the seconds of each call if `timed`. */
  run(
    pool: PoolHandle,
    program: ProgramHandle,
    batch: number,
    learningRate: number,
    seed: number,
    step: number,
    keep: number,
    add: number,
    timed: boolean,
  ): Promise<Float64Array | undefined>
}

/** Only in the repository: the published package has no install script and builds nothing. */
const BUILD_SCRIPT = fileURLToPath(new URL('../../../scripts/build-native.mjs', import.meta.url))

/** This machine's build. Linux' is for both of its libcs. */
const BUILD = fileURLToPath(
  new URL(`../../../native/build/${process.platform}-${process.arch}/densenet.node`, import.meta.url),
)

/** The addon of the variable `DENSENET_NATIVE`, or this machine's. */
export function loadAddon(): Addon {
  const path = process.env.DENSENET_NATIVE || BUILD
  let failure = `${path} is a build of another version`
  let cause: unknown
  try {
    const addon = createRequire(import.meta.url)(path) as Addon
    if (addon.vocabulary === FINGERPRINT) return addon
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND'
    failure = missing ? `there is no ${path}` : `${path} failed: ${(error as Error).message}`
    cause = error
  }
  throw new DenseNetError(`the native backend cannot be loaded (${failure})`, {
    hint: existsSync(BUILD_SCRIPT)
      ? 'build it with: npm run build:native'
      : 'the package has builds for Linux (glibc 2.17 or musl) and macOS on x64 and arm64, and for Windows on x64; elsewhere build it in a clone of the repository',
    cause,
  })
}

/** Those of an addon's that this processor can run, and this build has, best first. */
export const usableSets = (addon: Addon, precision: Precision = 'float32'): InstructionSet[] =>
  addon.instructionSets(precision).filter(({ built }) => built)

/** What the native backend takes for each precision. */
export function choices(addon: Addon): Choice[] {
  return PRECISIONS.map(precision => {
    let warning: string | undefined
    try {
      const onWarning = (message: string): void => {
        warning = message
      }
      const { name } = chooseInstructionSet(addon, undefined, onWarning, precision)
      const asked = process.env.DENSENET_ISA ? 'the variable DENSENET_ISA asks for it' : 'the best of this processor'
      return { precision, instructionSet: name, why: warning ?? asked }
    } catch (error) {
      if (!(error instanceof DenseNetError)) throw error
      return { precision, instructionSet: null, why: error.message }
    }
  })
}

/** The one called `wanted` or, without it, by the variable DENSENET_ISA; the best that there is when neither names one, with a
 * warning where the processor could do better. */
export function chooseInstructionSet(
  addon: Addon,
  wanted?: string,
  onWarning?: (message: string) => void,
  precision: Precision = 'float32',
): InstructionSet {
  const name = wanted ?? process.env.DENSENET_ISA
  const all = addon.instructionSets(precision)
  const usable = all.filter(({ built }) => built)
  const [best] = all
  const chosen = name ? usable.find(set => set.name === name) : usable[0]
  if (!name && best !== chosen && best && !best.built) {
    onWarning?.(`this build has no ${best.title} kernels, which are faster here. To have them, npm run build:native`)
  }
  if (chosen) return chosen
  const names = usable.map(set => set.name).join(', ')
  const lacks = all.some(set => set.name === name)
  throw parameterError(
    wanted === undefined ? 'DENSENET_ISA' : 'instructionSet',
    `an instruction set that this ${lacks ? 'build has kernels for' : 'processor can run'} (${names})`,
    name,
    lacks ? 'build the others with: npm run build:whole' : 'leave it out to get the best',
  )
}
