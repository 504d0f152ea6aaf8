// Which network: a preset's name, a description in options, or a name with changes.
import { Option } from 'commander'
import type { DenseNetOptions } from '../index.js'
import { blocksOption, numberOption, wholeOption } from './options.js'

export interface ModelFlags {
  readonly depth?: number
  readonly blocks?: readonly number[]
  readonly growthRate?: number
  readonly bottleneck?: boolean
  readonly reduction?: number
  readonly dropRate?: number
  readonly initialChannels?: number
}

export const modelOptions = (): Option[] => [
  wholeOption('--depth <n>', 'layers with weights: 3 n + 4, or 6 n + 4 with bottlenecks'),
  blocksOption(),
  wholeOption('--growth-rate <k>', 'channels that each layer adds; default: 12'),
  new Option('--bottleneck', 'DenseNet-B: a 1x1 convolution before each 3x3'),
  new Option('--no-bottleneck', 'the plain layer'),
  numberOption(
    '--reduction <r>',
    'share of the channels that a transition keeps; default: 0.5 with bottlenecks, else 1',
    'a number above 0 and up to 1',
    value => value > 0 && value <= 1,
  ),
  numberOption(
    '--drop-rate <p>',
    'dropout after every convolution but the first; default: 0',
    'a number from 0 up to, but not including, 1',
    value => value >= 0 && value < 1,
  ),
  wholeOption('--initial-channels <n>', 'channels of the first convolution; default: 2 k with bottlenecks, else 16'),
]

/** What was given of a network's description. */
export function describedNetwork(flags: ModelFlags): DenseNetOptions {
  const { depth, blocks, growthRate, bottleneck, reduction, dropRate, initialChannels } = flags
  const given = { depth, blocks, growthRate, bottleneck, reduction, dropRate, initialChannels }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}
