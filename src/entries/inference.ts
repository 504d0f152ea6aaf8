/** Images in, answers out, without a DenseNet around them.
 * @module densenet/inference */

export { colourOf, colourText } from '../images/mask-colours.js'
export type { Answer, Classifier } from '../inference/classifier.js'
export { classNames, topClasses } from '../inference/classify.js'
export { classifyImages, readImage } from '../inference/read-image.js'
export { createRunner, type Runner, type RunnerOptions, type RunnerOutput } from '../inference/runner.js'
export * from '../inference/segment.js'
export { maskPicture, overlayPicture } from '../inference/segment-pictures.js'
export * from '../inference/write-features.js'
