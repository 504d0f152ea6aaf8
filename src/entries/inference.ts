/** Images in, answers out, without a DenseNet around them.
 * @module densenet/inference */

export { type Answer, type Classifier, classifyImages } from '../inference/classifier.js'
export { classNames, topClasses } from '../inference/classify.js'
export { readImage } from '../inference/image-input.js'
export { createRunner, type Runner, type RunnerOptions, type RunnerOutput } from '../inference/runner.js'
export * from '../inference/write-features.js'
