// What a recipe asks of a session: its optimiser, its loss, its frozen parameters.

import type { SessionOptions } from '../engine/session.js'
import type { Optimizer } from '../engine/update.js'
import { usageError } from '../errors.js'
import type { Dataset } from '../images/dataset.js'
import { architecture } from '../model/architecture.js'
import type { DenseNetConfig } from '../model/config.js'
import { POOLED } from '../model/feature-layers.js'
import { parameterTable } from '../model/parameters.js'
import { fitting } from '../util/patterns.js'
import { mixes, type Recipe } from './recipe.js'

type Labelled = Pick<Dataset, 'labels' | 'targets'>

/** `train`: the training images, whose labels decide the kind of loss and balanced class weights (of pixels prepare has them
 * counted). */
export function sessionOptions(
  recipe: Recipe,
  config: DenseNetConfig,
  train: Labelled,
): Omit<SessionOptions, 'memory'> & { readonly optimizer: Optimizer } {
  const { batchSize, accumulate, decayNorms, decayShifts, clipNorm, ema, loss, labelSmoothing, ownStatistics } = recipe
  if (ownStatistics && config.family !== 'fc-densenet') {
    throw usageError(
      'the statistics of single images are for networks that classify pixels',
      'leave out --own-statistics',
    )
  }
  return {
    batchSize,
    optimizer: optimizerOf(recipe),
    decayNorms,
    decayShifts,
    ownStatistics,
    clipNorm,
    frozen: frozenParameters(config, recipe.freeze),
    accumulates: accumulate > 1,
    averages: ema !== null,
    loss: {
      kind: loss === 'cross-entropy' ? 'crossEntropy' : 'binaryCrossEntropy',
      multiLabel: train.targets !== undefined,
      smoothing: labelSmoothing,
      mixed: mixes(recipe),
    },
    from: recipe.featurePasses > 0 ? POOLED : undefined,
    classWeights: classWeights(recipe, config, train),
  }
}

function optimizerOf({ optimizer: name, ...recipe }: Recipe): Optimizer {
  const { momentum, nesterov, beta1, beta2, alpha, epsilon, rooted, weightDecay } = recipe
  if (name === 'adamw') return { name, beta1, beta2, epsilon, weightDecay }
  if (name === 'rmsprop') return { name, alpha, epsilon, rooted, momentum, weightDecay }
  return { name, momentum, nesterov, weightDecay }
}

/** Names of the parameters that some pattern fits. Refuses patterns that fit none, and all of them together. */
export function frozenParameters(config: DenseNetConfig, patterns: readonly string[]): ReadonlySet<string> {
  const names = parameterTable(architecture(config)).parameters.map(({ name }) => name)
  const frozen = new Set<string>()
  for (const pattern of patterns) {
    const found = fitting(names, pattern)
    if (found.length === 0) {
      const example = 'features.denseblock1.*'
      throw usageError(
        `no parameter is called ${JSON.stringify(pattern)}`,
        `names are such as ${names[0]} and ${names.at(-1)}; * stands for anything, as in ${example}`,
      )
    }
    for (const name of found) frozen.add(name)
  }
  if (frozen.size === names.length) throw usageError('all parameters are frozen: there is nothing to train')
  return frozen
}

/** Whether nothing but the classifier is trained. */
export function trainsClassifierAlone(config: DenseNetConfig, patterns: readonly string[]): boolean {
  if (patterns.length === 0) return false
  const frozen = frozenParameters(config, patterns)
  const { parameters } = parameterTable(architecture(config))
  return parameters.every(({ name }) => frozen.has(name) || name.startsWith('classifier.'))
}

function classWeights(
  { classWeights }: Recipe,
  { classes }: DenseNetConfig,
  { labels, targets }: Labelled,
): readonly number[] | null {
  if (classWeights === null) return null
  if (classWeights !== 'balanced') {
    if (classWeights.length === classes) return classWeights
    const given =
      classWeights.length === 1 ? 'there is 1 class weight' : `there are ${classWeights.length} class weights`
    throw usageError(`${given} for ${classes} ${classes === 1 ? 'class' : 'classes'}`)
  }
  const counts = new Array<number>(classes).fill(0)
  if (targets) for (let i = 0; i < targets.length; i++) counts[i % classes]! += targets[i] === 1 ? 1 : 0
  else for (let i = 0; i < labels.length; i++) counts[labels[i]!]!++
  const all = counts.reduce((sum, count) => sum + count, 0)
  // A class without images has no say either way; of images with several labels it has a say in being absent.
  return counts.map(count => Math.max(1, all) / (classes * Math.max(1, count)))
}
