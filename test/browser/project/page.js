import { DenseNet, DenseNetError, imageBlobs, synthetic } from 'densenet'

// What a test asks for.
Object.assign(globalThis, { DenseNet, DenseNetError, imageBlobs, synthetic })
