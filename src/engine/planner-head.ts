// The end of the network: the last norm, global pooling, the classifier and the loss. It can also be planned alone, on
// features that were computed before.
import { blockName, LAST_MAPS, type Layer, POOLED } from '../model/architecture.js'
import { partsOf } from '../model/parts.js'
import { type Activation, gradientView, view } from './activation.js'
import { ProgramBuilder } from './builder.js'
import type { CrossEntropy, Ref, View } from './kernels.js'

const PIXEL = { height: 1, width: 1 }

export class HeadPlanner extends ProgramBuilder {
  protected head(layer: Layer, features: Activation): () => void {
    const { input } = layer
    const [norm] = partsOf(layer.parts, 'norm')
    const window = { windowHeight: input.height, windowWidth: input.width }
    const normed = this.normForward(norm, features)
    this.offer(LAST_MAPS, view(features), normed)
    const pooled = this.activation(POOLED, features.channels, PIXEL)
    this.calls.push({
      kernel: 'averagePoolForward',
      ...window,
      input: view(features),
      norm: normed,
      output: view(pooled),
      statistics: null,
    })
    this.offer(POOLED, view(pooled))
    const classifierBackward = this.classifier(layer, pooled)
    return () => {
      classifierBackward()
      this.calls.push({
        kernel: 'averagePoolBackward',
        ...window,
        input: view(features),
        norm: this.norm(norm, features),
        outputGradient: { gradient: gradientView(pooled), deferred: null },
        inputGradient: this.inputGradient(features, features.channels, norm, false),
      })
      this.offerGradient(blockName(layer.block), gradientView(features))
    }
  }

  /** Pooled features that come from outside. */
  protected givenFeatures({ input }: Layer): Activation {
    return { ...this.activation(POOLED, input.channels, PIXEL), data: this.external('features', this.precision) }
  }

  protected classifier({ parts, output }: Layer, pooled: Activation): () => void {
    const [classifier] = partsOf(parts, 'linear')
    const classes = output.channels
    const logits: View = { buffer: this.external('logits'), stride: classes, first: 0, channels: classes, ...PIXEL }
    const weight = this.parameter(classifier.name)
    this.calls.push({
      kernel: 'linearForward',
      input: view(pooled),
      weight,
      bias: this.parameter(classifier.name, 'bias'),
      output: logits,
    })
    const { scored } = this.options
    const logitsGradient: View = {
      ...logits,
      buffer: !this.training
        ? -1
        : scored !== undefined
          ? this.external('targets')
          : this.planes('logits.gradient', classes, this.parameterType),
    }
    if (!this.inference && scored === undefined) this.loss(logits, this.training ? logitsGradient : null)
    return () => {
      this.calls.push({
        kernel: 'linearBackward',
        input: view(pooled),
        weight,
        weightGradient: this.gradient(classifier.name),
        biasGradient: this.gradient(classifier.name, 'bias'),
        outputGradient: logitsGradient,
        inputGradient: gradientView(pooled),
      })
    }
  }

  private loss(logits: View, gradient: View | null): void {
    const { loss = { kind: 'crossEntropy' } } = this.options
    const { kind, smoothing = 0, weighted = false, mixed = false, multiLabel = false } = loss
    const at = (role: Parameters<typeof this.external>[0]): Ref => ({ buffer: this.external(role), offset: 0 })
    const common = {
      logits,
      smoothing,
      classWeights: weighted ? at('classWeights') : null,
      loss: at('loss'),
      rank: at('rank'),
      gradient,
    } satisfies Partial<CrossEntropy>
    if (kind === 'binaryCrossEntropy') {
      const targets = { ...logits, buffer: this.external('targets') }
      this.calls.push({ kernel: kind, ...common, targets, labels: multiLabel ? null : at('labels') })
      return
    }
    const other = mixed ? { labels: at('otherLabels'), share: at('share') } : null
    this.calls.push({ kernel: kind, ...common, labels: at('labels'), mixed: other })
  }
}
