// FC-DenseNets. The two blocks of a size, one on the way down and one on the way up, share one buffer: [those from the way down |
// those from below | those of the block on the way up]. So the skip between them is no copy, its channels have their statistics
// already, and what the way up adds to their deferred gradients is there when the way down comes to it.
import { usageError } from '../errors.js'
import { blockName, type Layer, scoresOf } from '../model/architecture.js'
import { partsOf } from '../model/parts.js'
import { type Activation, gradientView, view } from './activation.js'
import { composites, geometry, ProgramBuilder } from './builder.js'
import type { Ref, View } from './kernels.js'
import { bytesPerElement, type Program } from './program.js'

export class FcPlanner extends ProgramBuilder {
  /** Of each size, the largest first. */
  private readonly features: Activation[] = []
  private readonly lastBlock = Math.max(...this.architecture.layers.map(({ block }) => block))

  program(): Program {
    const { layers } = this.architecture
    const depth = (this.lastBlock - 1) / 2
    const ends = layers.filter(({ kind }, i) => kind === 'dense' && layers[i + 1]!.kind !== kind).slice(depth)
    for (const { block, output } of ends.toReversed()) {
      this.features.push(this.activation(`blocks of ${blockName(block)}`, output.channels, output))
    }
    const backward: (() => void)[] = []
    for (const layer of layers) {
      if (layer.kind === 'stem') backward.push(this.stem(layer))
      else if (layer.kind === 'dense') backward.push(this.dense(layer))
      else if (layer.kind === 'down') backward.push(this.down(layer))
      else if (layer.kind === 'up') backward.push(this.up(layer))
      else backward.push(this.classifier(layer))
      if (this.end !== undefined) break
    }
    const first = layers.findIndex(layer => this.trains(layer.parts))
    if (this.training && first >= 0) for (const emit of backward.slice(first).reverse()) emit()
    return this.finished()
  }

  /** The buffer of a block. */
  private of(block: number): Activation {
    return this.features[Math.min(block - 1, this.lastBlock - block)]!
  }

  private stem({ input: images, parts }: Layer): () => void {
    const [convolution] = partsOf(parts, 'convolution')
    const features = this.of(1)
    const input: View = { buffer: this.external('input', this.precision), stride: images.channels, first: 0, ...images }
    const { channels } = convolution.output
    const made = this.convolutionForward(
      convolution,
      input,
      null,
      view(features, 0, channels),
      this.statistics(features, 0),
      null,
    )
    this.offer(convolution.name, made.output)
    return () =>
      this.calls.push({
        kernel: 'convolutionBackward',
        ...geometry(convolution),
        input,
        norm: null,
        weight: made.weight,
        weightGradient: this.gradient(convolution.name),
        biasGradient: this.gradient(convolution.name, 'bias'),
        outputGradient: this.outputGradient(features, 0, channels),
        inputGradient: null,
        dropout: null,
      })
  }

  private dense({ input, block, name, parts }: Layer): () => void {
    const features = this.of(block)
    const [step] = composites({ parts })
    const { channels } = step.convolution.output
    const dropout = this.dropout()
    const output = view(features, input.channels, channels)
    this.convolutionForward(
      step.convolution,
      view(features, 0, input.channels),
      this.normForward(step.norm, features),
      output,
      this.statistics(features, input.channels),
      dropout,
    )
    this.offer(name, output)
    return () =>
      this.convolutionBackward(step, features, this.outputGradient(features, input.channels, channels), true, dropout)
  }

  private down({ block, input, output, name, parts }: Layer): () => void {
    const [features, next] = [this.of(block), this.of(block + 1)]
    const [step] = composites({ parts })
    const [pool] = partsOf(parts, 'maxPool')
    const { channels } = input
    const dropout = this.dropout()
    const made = this.activation(name, channels, input)
    const convolution = this.convolutionForward(
      step.convolution,
      view(features, 0, channels),
      this.normForward(step.norm, features),
      view(made),
      null,
      dropout,
    )
    const pooled = view(next, 0, output.channels)
    this.calls.push({
      kernel: 'maxPoolForward',
      ...geometry(pool),
      input: view(made),
      norm: null,
      output: pooled,
      statistics: this.statistics(next, 0),
    })
    this.offer(name, pooled)
    return () => {
      const saved = this.keptOrAgain(made, output => ({ ...convolution, output }))
      this.calls.push({
        kernel: 'maxPoolBackward',
        ...geometry(pool),
        input: view(saved),
        norm: null,
        outputGradient: this.outputGradient(next, 0, channels),
        inputGradient: this.inputGradient(saved, channels, null, false),
      })
      const outputGradient = { gradient: gradientView(saved), deferred: null }
      this.convolutionBackward(step, features, outputGradient, true, dropout)
    }
  }

  /** What the block below has made, that is the last channels of its buffer, to the channels between those from the way down and
   * those that the block above will make. */
  private up({ block, input, output, name, parts }: Layer): () => void {
    const [below, features] = [this.of(block), this.of(block + 1)]
    const [convolution] = partsOf(parts, 'transposedConvolution')
    const { channels } = convolution.output
    const [first, to] = [below.channels - input.channels, output.channels - channels]
    const { size, stride } = convolution
    const common = { size, stride, input: view(below, first, input.channels), weight: this.parameter(convolution.name) }
    this.calls.push({
      kernel: 'transposedConvolutionForward',
      ...common,
      bias: this.parameter(convolution.name, 'bias'),
      output: view(features, to, channels),
      statistics: this.statistics(features, to),
    })
    this.offer(name, view(features, 0, output.channels))
    return () => {
      this.noGradientYet(below)
      this.calls.push({
        kernel: 'transposedConvolutionBackward',
        ...common,
        weightGradient: this.gradient(convolution.name),
        biasGradient: this.gradient(convolution.name, 'bias'),
        outputGradient: this.outputGradient(features, to, channels),
        inputGradient: { gradient: gradientView(below, first, input.channels), accumulate: true },
      })
    }
  }

  private classifier({ parts }: Layer): () => void {
    const [convolution] = partsOf(parts, 'convolution')
    const features = this.of(this.lastBlock)
    const scores = scoresOf(this.architecture)
    const logits: View = {
      buffer: this.external('logits', this.precision),
      stride: scores.channels,
      first: 0,
      ...scores,
    }
    this.convolutionForward(convolution, view(features), null, logits, null, null)
    const elements = scores.channels * scores.height * scores.width
    const gradient = this.training ? { ...logits, buffer: this.planes('logits.gradient', elements) } : null
    if (!this.inference) this.loss(logits, gradient)
    return () => {
      this.calls.push({ kernel: 'fill', elements: 2 * features.channels, value: 0, target: start(features.deferred) })
      const outputGradient = { gradient: gradient!, deferred: null }
      this.convolutionBackward({ norm: null, convolution }, features, outputGradient, false, null)
    }
  }

  private loss(logits: View, gradient: View | null): void {
    const { kind = 'crossEntropy', smoothing = 0, mixed = false } = this.options.loss ?? {}
    if (kind !== 'crossEntropy' || smoothing > 0 || mixed) {
      throw usageError('of pixels there is plain cross entropy only: no labels that are mixed, smoothed or several')
    }
    const at = (role: Parameters<typeof this.external>[0]): Ref => start(this.external(role))
    this.calls.push({
      kernel: 'pixelCrossEntropy',
      logits,
      labels: at('labels'),
      classWeights: this.options.loss?.weighted ? at('classWeights') : null,
      loss: at('loss'),
      predicted: at('predicted'),
      gradient,
    })
  }

  /** Its readers differ in the channels they read, so that none could be the first for all: each adds to zeros. */
  private noGradientYet({ channels, height, width, gradient, deferred }: Activation): void {
    const planes = this.options.batchSize * channels * height * width
    // Zeros are zeros in every type.
    const [size, wide] = [this.precision, this.parameterType].map(elementType => bytesPerElement({ elementType }))
    const elements = Math.ceil((planes * size!) / wide!)
    this.calls.push({ kernel: 'fill', elements, value: 0, target: start(gradient) })
    this.calls.push({ kernel: 'fill', elements: 2 * channels, value: 0, target: start(deferred) })
  }
}

const start = (buffer: number): Ref => ({ buffer, offset: 0 })
