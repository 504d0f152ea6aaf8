// The two builds of the module, and which of them a place can run.
import { DenseNetError, parameterError } from '../../errors.js'
import { place } from './platform.js'

/** Best first. `simd` has the same bits on every processor; with `relaxed` a processor may round sums once less. */
export const builds = ['relaxed', 'simd'] as const
export type Build = (typeof builds)[number]

export const titles: Readonly<Record<Build, string>> = {
  relaxed: 'relaxed SIMD',
  simd: 'SIMD, the same bits everywhere',
}

/** Where they are, or their bytes. */
export type Sources = Readonly<Partial<Record<Build, URL | string | Uint8Array>>>

export const ownSources: Sources = {
  relaxed: new URL('../../../native/build/wasm32-relaxed/densenet.wasm', import.meta.url),
  simd: new URL('../../../native/build/wasm32-simd/densenet.wasm', import.meta.url),
}

/** A module of one function, made of an instruction: its bytes after the prefix of vectors, and how many vectors it takes. */
const probe = (instruction: readonly number[], operands: number): Uint8Array => {
  const body = [
    0,
    ...Array.from({ length: operands }, () => [0x41, 0, 0xfd, 0x0f]).flat(),
    0xfd,
    ...instruction,
    0x1a,
    0x0b,
  ]
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
  const type = [1, 4, 1, 0x60, 0, 0]
  const functions = [3, 2, 1, 0]
  const code = [10, body.length + 2, 1, body.length, ...body]
  return Uint8Array.from([...header, ...type, ...functions, ...code])
}
const PROBES: Readonly<Record<Build, Uint8Array>> = {
  // f32x4.relaxed_madd
  relaxed: probe([0x85, 0x02], 3),
  // f32x4.add
  simd: probe([0xe4, 0x01], 2),
}

/** Those that can be run here. */
export const runnableBuilds = (): Build[] => builds.filter(build => place.WebAssembly?.validate(PROBES[build]))

/** The one that is `wanted`, else the best of those that there are and that can be run; `asker` is who wanted it. */
export function chooseBuild(sources: Sources, wanted?: string, asker = 'instructionSet'): Build {
  const runnable = runnableBuilds().filter(build => sources[build] !== undefined)
  const chosen = wanted ? runnable.find(build => build === wanted) : runnable[0]
  if (chosen) return chosen
  if (wanted && runnable.length > 0) {
    throw parameterError(
      asker,
      `a build of the wasm backend that can be run here (${runnable.join(', ')})`,
      wanted,
      'leave it out to get the best',
    )
  }
  throw new DenseNetError('the wasm backend cannot be loaded (there is no WebAssembly with vectors here)', {
    hint: 'use a newer browser, or Node 20 or newer',
  })
}
