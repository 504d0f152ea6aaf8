// Small nets of every kind and of odd sizes, for short trainings.
import type { DenseNetOptions } from '../dist/model/config.js'

export const ODD_NETS = {
  'BC with dropout': {
    blocks: [1, 2],
    growthRate: 5,
    bottleneck: true,
    dropRate: 0.2,
    height: 9,
    width: 7,
    classes: 3,
  },
  'plain, one channel': { blocks: [2, 1], growthRate: 3, inputChannels: 1, height: 6, width: 11 },
  'ImageNet stem': {
    blocks: [1, 1],
    growthRate: 7,
    bottleneck: true,
    stem: 'imagenet',
    height: 21,
    width: 30,
    classes: 11,
  },
  'down to one pixel': {
    blocks: [1, 1, 1],
    growthRate: 1,
    bottleneck: true,
    reduction: 1,
    height: 5,
    width: 4,
    classes: 2,
  },
  'wide, one class': { blocks: [1], growthRate: 33, bottleneck: true, height: 3, width: 17, classes: 1 },
} satisfies Readonly<Record<string, DenseNetOptions>>
