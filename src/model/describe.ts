// A network in a few words.
import { usageError } from '../errors.js'
import type { DenseNetConfig } from './config.js'

/** "DenseNet-BC" */
export function kindOf({ family, bottleneck, reduction }: DenseNetConfig): string {
  if (family === 'fc-densenet') return 'FC-DenseNet'
  return `DenseNet${bottleneck || reduction < 1 ? '-' : ''}${bottleneck ? 'B' : ''}${reduction < 1 ? 'C' : ''}`
}

/** "DenseNet-BC with 16, 16, 16 layers, growth rate 12" */
export const describe = (config: DenseNetConfig): string =>
  `${kindOf(config)} with ${config.blocks.join(', ')} layers, growth rate ${config.growthRate}`

/** Refuses networks that say the classes of pixels; `what` is of those of an image. */
export function refusePixels({ family }: DenseNetConfig, what: string): void {
  if (family !== 'fc-densenet') return
  throw usageError(
    `${what} is of networks that say the class of an image; this one says those of pixels`,
    'densenet segment shows them',
  )
}
