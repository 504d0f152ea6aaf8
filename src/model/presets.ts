// The networks of the paper, of its technical report and of the original's release, and of the paper on FC-DenseNets, by name.
import { usageError } from '../errors.js'
import { type DenseNetConfig, type DenseNetOptions, IMAGENET_BLOCKS, resolveConfig } from './config.js'

const plain = (depth: number, growthRate: number): DenseNetOptions => ({ depth, growthRate })
const bc = (depth: number, growthRate: number): DenseNetOptions => ({ depth, growthRate, bottleneck: true })
const imagenet = (name: number, growthRate = 32): DenseNetOptions => ({
  blocks: IMAGENET_BLOCKS[name]!,
  growthRate,
  bottleneck: true,
  stem: 'imagenet',
})

/** Blocks down, and the one at the bottom; those up are as those down. */
const fc = (growthRate: number, bottom: number, ...down: number[]): DenseNetOptions => ({
  family: 'fc-densenet',
  blocks: [...down, bottom, ...down.toReversed()],
  growthRate,
  dropRate: 0.2,
})

const PRESETS = {
  'densenet-40-12': plain(40, 12),
  'densenet-100-12': plain(100, 12),
  'densenet-100-24': plain(100, 24),
  'densenet-bc-40-12': bc(40, 12),
  'densenet-bc-100-12': bc(100, 12),
  'densenet-bc-250-24': bc(250, 24),
  'densenet-bc-190-40': bc(190, 40),
  'wide-densenet-bc-40-36': bc(40, 36),
  'wide-densenet-bc-40-48': bc(40, 48),
  'wide-densenet-bc-40-60': bc(40, 60),
  'densenet-121': imagenet(121),
  'densenet-169': imagenet(169),
  'densenet-201': imagenet(201),
  'densenet-161': imagenet(161, 48),
  'densenet-264': imagenet(264),
  'densenet-232': imagenet(232, 48),
  'cosine-densenet-264-32': imagenet(264),
  'cosine-densenet-264-48': imagenet(264, 48),
  'fc-densenet-56': fc(12, 4, 4, 4, 4, 4, 4),
  'fc-densenet-67': fc(16, 5, 5, 5, 5, 5, 5),
  'fc-densenet-103': fc(16, 15, 4, 5, 7, 10, 12),
} as const satisfies Record<string, DenseNetOptions>

/** A network of the paper, or one of the usual sizes. */
export type PresetName = keyof typeof PRESETS

/** All of them. */
export const presetNames = Object.keys(PRESETS) as PresetName[]

/** `densenet121` is `densenet-121`. */
const keyOf = (name: string): string => name.toLowerCase().replace(/^densenet(\d{3})$/, 'densenet-$1')

export const isPreset = (name: string): boolean => Object.hasOwn(PRESETS, keyOf(name))

/** The network of that name, with any of its values changed by `overrides`. `densenet121` works as `densenet-121` does. */
export function preset(name: string, overrides: DenseNetOptions = {}): DenseNetConfig {
  const key = keyOf(name)
  if (!isPreset(name)) {
    // The message is the interesting one when the depth alone is wrong: densenet-bc-101-12.
    const spelled = /^(wide-)?densenet-(bc-)?(\d+)-(\d+)$/.exec(key)
    if (spelled) {
      return resolveConfig({
        depth: Number(spelled[3]),
        growthRate: Number(spelled[4]),
        bottleneck: spelled[2] !== undefined,
        ...overrides,
      })
    }
    throw usageError(`there is no network "${name}"`, `known names: ${presetNames.join(', ')}; or densenet-bc-DEPTH-K`)
  }
  const base: DenseNetOptions = PRESETS[key as PresetName]
  // A depth replaces blocks and the other way round, never both.
  const { depth, blocks, ...rest } = base
  const shape = overrides.depth !== undefined || overrides.blocks !== undefined ? {} : { depth, blocks }
  return resolveConfig({ ...rest, ...shape, ...overrides })
}
