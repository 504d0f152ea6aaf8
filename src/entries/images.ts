/** Images, labels and data sets as values; transforms. Loads anywhere.
 * @module densenet/images */

export {
  type Augmentation,
  describeAugmentation,
  type FlipAndCrop,
  noAugmentation,
  withoutChance,
} from '../images/augment.js'
export { BLANK, type Blank, type LabelReading, UNCERTAIN, type Uncertain } from '../images/class-columns.js'
export { type Batch, limitDataset, MISSING, takeImages } from '../images/dataset.js'
export type { Image } from '../images/image.js'
export { type DatasetInfo, type DatasetName, datasetInfo, datasetNames } from '../images/info.js'
export type { Mixing } from '../images/mixing.js'
export * from '../images/named-augmentation.js'
export { checkNormalisation, inputPreprocessing, type NetworkInput, writeInput } from '../images/network-input.js'
export { splitDataset } from '../images/split.js'
export { preprocess, VIEWS, type View } from '../images/transforms/preprocess.js'
export { type Interpolation, resize } from '../images/transforms/resize.js'
export { applyTransforms, imagenetTransforms, type Transform } from '../images/transforms/transform.js'
