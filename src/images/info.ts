// What is known of each data set before a byte of it is there: classes, image size, normalisation, augmentation.
// CIFAR's constants are those of DenseNet's first implementation (fb.resnet.torch, datasets/cifar10.lua and
// cifar100.lua); MNIST's and Fashion-MNIST's are mean and deviation over their 60,000 training images.

import { usageError } from '../errors.js'
import type { Augmentation } from './augment.js'
import type { Normalisation } from './dataset.js'

/** Data sets that are fetched by name. */
export type DatasetName = 'cifar10' | 'cifar100' | 'svhn' | 'mnist' | 'fashion-mnist'

/** What is known of a data set without its images: classes, shape, normalisation, usual augmentation. */
export interface DatasetInfo {
  readonly name: DatasetName
  /** As its authors write it. */
  readonly title: string
  readonly classes: readonly string[]
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly trainImages: number
  readonly testImages: number
  readonly normalisation: Normalisation
  /** The standard augmentation of its training images. No flip for digits: a mirrored 2 is not a 2. */
  readonly augmentation: Augmentation
}

const words = (text: string): readonly string[] => text.trim().split(/\s+/)

const CIFAR_100_FINE_LABELS = words(`
  apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
  caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
  forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
  mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy
  porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider
  squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
  wardrobe whale willow_tree wolf woman worm`)

const cifar = { channels: 3, height: 32, width: 32, trainImages: 50_000, testImages: 10_000 }
/** `train` and `extra` together, as in the paper. */
const svhn = { channels: 3, height: 32, width: 32, trainImages: 73_257 + 531_131, testImages: 26_032 }
const mnist = { channels: 1, height: 28, width: 28, trainImages: 60_000, testImages: 10_000 }

const DATASETS: Record<DatasetName, DatasetInfo> = {
  cifar10: {
    name: 'cifar10',
    title: 'CIFAR-10',
    classes: words('airplane automobile bird cat deer dog frog horse ship truck'),
    ...cifar,
    normalisation: { mean: [125.3, 123.0, 113.9], deviation: [63.0, 62.1, 66.7] },
    augmentation: { flip: true, pad: 4 },
  },
  cifar100: {
    name: 'cifar100',
    title: 'CIFAR-100',
    classes: CIFAR_100_FINE_LABELS,
    ...cifar,
    normalisation: { mean: [129.3, 124.1, 112.4], deviation: [68.2, 65.4, 70.4] },
    augmentation: { flip: true, pad: 4 },
  },
  svhn: {
    name: 'svhn',
    title: 'SVHN',
    classes: words('0 1 2 3 4 5 6 7 8 9'),
    ...svhn,
    // The paper divides by 255 and augments nothing.
    normalisation: { mean: [0, 0, 0], deviation: [255, 255, 255] },
    augmentation: { flip: false, pad: 0 },
  },
  mnist: {
    name: 'mnist',
    title: 'MNIST',
    classes: words('0 1 2 3 4 5 6 7 8 9'),
    ...mnist,
    normalisation: { mean: [33.3184], deviation: [78.5675] },
    augmentation: { flip: false, pad: 4 },
  },
  'fashion-mnist': {
    name: 'fashion-mnist',
    title: 'Fashion-MNIST',
    classes: ['T-shirt/top', ...words('trouser pullover dress coat sandal shirt sneaker bag'), 'ankle boot'],
    ...mnist,
    normalisation: { mean: [72.9404], deviation: [90.0212] },
    augmentation: { flip: true, pad: 4 },
  },
}

/** All of them. */
export const datasetNames = Object.keys(DATASETS) as readonly DatasetName[]

/** Takes 'cifar10', and also 'CIFAR-10' or 'fashion_mnist'. */
export function datasetInfo(name: string): DatasetInfo {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[-_ ]/g, '')
  const found = datasetNames.find(known => plain(known) === plain(name))
  if (found === undefined) {
    throw usageError(
      `there is no data set called ${JSON.stringify(name)}`,
      `The data sets are ${datasetNames.join(', ')}.`,
    )
  }
  return DATASETS[found]
}
