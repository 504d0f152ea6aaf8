// Which network: a preset's name, a description in options, or a name with changes.
import { Option } from 'commander'
import { CONFIG } from '../entries/model.js'
import type { DenseNetOptions } from '../index.js'
import { settingOption, wholeOption } from './options.js'

const DESCRIBING = ['blocks', 'growthRate', 'bottleneck', 'reduction', 'dropRate', 'initialChannels'] as const

export type ModelFlags = Pick<DenseNetOptions, 'depth' | (typeof DESCRIBING)[number]>

export const modelOptions = (): Option[] => [
  wholeOption('--depth <n>', 'layers with weights: 3 n + 4, or 6 n + 4 with bottlenecks'),
  ...DESCRIBING.flatMap(name => [
    settingOption(CONFIG[name]),
    ...(name === 'bottleneck' ? [new Option('--no-bottleneck', 'the plain layer')] : []),
  ]),
]

/** What was given of a network's description. */
export function describedNetwork(flags: ModelFlags): DenseNetOptions {
  const given = (['depth', ...DESCRIBING] as const).map(name => [name, flags[name]] as const)
  return Object.fromEntries(given.filter(([, value]) => value !== undefined))
}
