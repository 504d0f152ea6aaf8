// A network in a few words.
import type { DenseNetConfig } from './config.js'

/** "DenseNet-BC with 16, 16, 16 layers, growth rate 12" */
export function describe({ family, blocks, growthRate, bottleneck, reduction }: DenseNetConfig): string {
  if (family === 'fc-densenet') return `FC-DenseNet with ${blocks.join(', ')} layers, growth rate ${growthRate}`
  const kind = `DenseNet${bottleneck || reduction < 1 ? '-' : ''}${bottleneck ? 'B' : ''}${reduction < 1 ? 'C' : ''}`
  return `${kind} with ${blocks.join(', ')} layers, growth rate ${growthRate}`
}
