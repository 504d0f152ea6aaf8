// `npm start` (train --demo): a small DenseNet-BC that clearly learns CIFAR-10 within minutes. One table of what that is on each backend.
import type { FitOptions } from '../index.js'

export interface DemoPlan {
  /** A network's name, as `densenet train` takes it. */
  readonly name: string
  readonly recipe: FitOptions
}

export const DEMO: Readonly<Record<'native' | 'reference', DemoPlan>> = {
  native: {
    name: 'densenet-bc-16-12',
    recipe: { epochs: 3, batchSize: 64, learningRate: 0.1, schedule: 'cosine' },
  },
  // Plain TypeScript is hundreds of times slower: a tiny network sees a small part of the images.
  reference: {
    name: 'densenet-bc-16-4',
    recipe: { epochs: 4, batchSize: 32, learningRate: 0.1, schedule: 'cosine', trainLimit: 2000, testLimit: 500 },
  },
}
