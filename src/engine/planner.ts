// architecture -> program. A training step is two programs, gradient and update, with one flat gradient buffer between
// them, so that several processes can reduce it.
import { type Architecture, blockName, type Layer } from '../model/architecture.js'
import { partsOf } from '../model/parts.js'
import { type Activation, gradientView, view } from './activation.js'
import { livesOf } from './arena.js'
import { composites, geometry, type PlanOptions } from './builder.js'
import type { AveragePoolForward, Dropout, OutputGradient, View } from './kernels.js'
import { FcPlanner } from './planner-fc.js'
import { HeadPlanner } from './planner-head.js'
import { imagesAtOnce, type Program } from './program.js'
import { countKept } from './recompute.js'

export type { MemoryMode, PlanOptions } from './builder.js'

/** Plans one pass of the network over a batch; `train` includes the gradients of all parameters. */
export function plan(architecture: Architecture, options: PlanOptions): Program {
  const Family = architecture.layers.some(({ kind }) => kind === 'pixels') ? FcPlanner : Planner
  if (options.memory !== 'recompute') return new Family(architecture, options, Number.POSITIVE_INFINITY).program()
  const thriftiest = new Family(architecture, options, 0)
  const program = thriftiest.program()
  const kept = countKept(livesOf(program.buffers, program.calls, imagesAtOnce(program)), thriftiest.remade)
  return kept > 0 ? new Family(architecture, options, kept).program() : program
}

class Planner extends HeadPlanner {
  program(): Program {
    // Forward calls are emitted layer by layer; each layer leaves a function that emits its backward calls.
    const backward: (() => void)[] = []
    const { from } = this.options
    const layers = from ? this.architecture.layers.slice(-1) : this.architecture.layers
    const ends = this.architecture.layers.filter(({ kind }, i, all) => kind === 'dense' && all[i + 1]!.kind !== kind)
    const features = ends.map(({ block, output }) => this.activation(`block${block}`, output.channels, output))
    for (const layer of layers) {
      if (layer.kind === 'stem') backward.push(this.stem(layer, features[0]!))
      else if (layer.kind === 'dense') backward.push(this.dense(layer, features[layer.block - 1]!))
      else if (layer.kind === 'transition') {
        backward.push(this.transition(layer, features[layer.block - 1]!, features[layer.block]!))
      } else
        backward.push(from ? this.classifier(layer, this.givenFeatures(layer)) : this.head(layer, features.at(-1)!))
      if (this.end !== undefined) break
    }
    // Nobody wants the gradients of layers before the first that is trained, or after the one that was asked for.
    const scored = this.options.scored !== undefined
    const first = scored ? 0 : layers.findIndex(layer => this.trains(layer.parts))
    if (this.training && first >= 0) {
      for (const emit of backward.slice(first).reverse()) if (this.end === undefined) emit()
    }
    return this.finished()
  }

  private stem({ input: images, parts }: Layer, features: Activation): () => void {
    const [[convolution], [norm = null]] = [partsOf(parts, 'convolution'), partsOf(parts, 'norm')]
    const input: View = { buffer: this.external('input', this.precision), stride: images.channels, first: 0, ...images }
    // Without a norm the convolution writes the block's first channels; with one it has an activation of its own.
    const { channels } = convolution.output
    const made = norm ? this.activation('stem', channels, convolution.output) : features
    // What comes before the norm can only be read when it is not folded.
    const folded = this.inference && this.options.until !== convolution.name ? norm : null
    this.convolutionForward(convolution, input, null, view(made, 0, channels), this.statistics(made, 0), null, folded)
    this.offer(convolution.name, view(made, 0, channels))
    const pool = { size: 3, stride: 2, padding: 1 }
    if (norm) {
      const normed = folded ? null : this.normForward(norm, made)
      this.offer('features.relu0', view(made), normed)
      this.calls.push({
        kernel: 'maxPoolForward',
        ...pool,
        input: view(made),
        norm: normed,
        output: view(features, 0, channels),
        statistics: this.statistics(features, 0),
      })
      this.offer('features.pool0', view(features, 0, channels))
    }
    return () => {
      this.offerGradient(norm ? 'features.pool0' : convolution.name, gradientView(features, 0, channels))
      if (norm) {
        this.calls.push({
          kernel: 'maxPoolBackward',
          ...pool,
          input: view(made),
          norm: this.norm(norm, made),
          outputGradient: this.outputGradient(features, 0, channels),
          inputGradient: this.inputGradient(made, channels, norm, false),
        })
        this.offerGradient(convolution.name, gradientView(made))
      }
      this.calls.push({
        kernel: 'convolutionBackward',
        ...geometry(convolution),
        input,
        norm: null,
        weight: this.parameter(convolution.name),
        weightGradient: this.gradient(convolution.name),
        outputGradient: this.outputGradient(made, 0, channels),
        inputGradient: null,
        dropout: null,
      })
    }
  }

  private dense(layer: Layer, features: Activation): () => void {
    const steps = composites(layer)
    const growth = steps.at(-1)!
    const bottleneck = steps.length > 1 ? steps[0]! : null
    const inChannels = layer.input.channels
    const growthRate = growth.convolution.output.channels
    const input = view(features, 0, inChannels)
    const output = view(features, inChannels, growthRate)
    const statistics = this.statistics(features, inChannels)
    const outputGradient = (): OutputGradient => this.outputGradient(features, inChannels, growthRate)
    if (!bottleneck) {
      const dropout = this.dropout()
      this.convolutionForward(
        growth.convolution,
        input,
        this.normForward(growth.norm, features),
        output,
        statistics,
        dropout,
      )
      this.offerDense(layer, output, features)
      return () => {
        this.offerGradient(layer.name, gradientView(features, inChannels, growthRate))
        this.convolutionBackward(growth, features, outputGradient(), true, dropout)
      }
    }
    if (this.inference) {
      const norm = this.norm(bottleneck.norm, features)
      this.denseLayerForward(layer.name, bottleneck.convolution, growth.norm, growth.convolution, input, norm, output)
      this.offerDense(layer, output, features)
      return () => {}
    }
    const y = this.activation(layer.name, bottleneck.convolution.output.channels, bottleneck.convolution.output)
    const dropouts = [this.dropout(), this.dropout()] as const
    const norm = this.normForward(bottleneck.norm, features)
    const made = this.convolutionForward(
      bottleneck.convolution,
      input,
      norm,
      view(y),
      this.statistics(y, 0),
      dropouts[0],
    )
    this.convolutionForward(
      growth.convolution,
      view(y),
      this.normForward(growth.norm, y),
      output,
      statistics,
      dropouts[1],
    )
    this.offerDense(layer, output, features)
    return () => {
      this.offerGradient(layer.name, gradientView(features, inChannels, growthRate))
      const saved = this.keptOrAgain(y, output => ({ ...made, output, statistics: null }))
      this.convolutionBackward(growth, saved, outputGradient(), false, dropouts[1])
      this.convolutionBackward(bottleneck, features, this.outputGradient(saved, 0, y.channels), true, dropouts[0])
    }
  }

  /** What a layer adds; after its last layer, all of the block. */
  private offerDense({ name, block }: Layer, output: View, features: Activation): void {
    this.offer(name, output)
    if (output.first + output.channels === features.channels) this.offer(blockName(block), view(features))
  }

  private transition(layer: Layer, features: Activation, next: Activation): () => void {
    const dropout = this.dropout()
    return dropout
      ? this.convolveThenPool(layer, features, next, dropout)
      : this.poolThenConvolve(layer, features, next)
  }

  /** Average pooling and a 1x1 convolution commute: pooling first needs a quarter of the multiplications. */
  private poolThenConvolve(layer: Layer, features: Activation, next: Activation): () => void {
    const { name, output } = layer
    const [{ norm, convolution }] = composites(layer)
    const { channels } = output
    const pooled = this.activation(`transition${layer.block}`, features.channels, output)
    const pool: AveragePoolForward = {
      kernel: 'averagePoolForward',
      windowHeight: 2,
      windowWidth: 2,
      input: view(features),
      norm: this.normForward(norm, features),
      output: view(pooled),
      statistics: null,
    }
    this.calls.push(pool)
    this.convolutionForward(convolution, view(pooled), null, view(next, 0, channels), this.statistics(next, 0), null)
    this.offer(name, view(next, 0, channels))
    return () => {
      this.offerGradient(name, gradientView(next, 0, channels))
      const saved = this.keptOrAgain(pooled, output => ({ ...pool, output }))
      this.convolutionBackward({ norm: null, convolution }, saved, this.outputGradient(next, 0, channels), false, null)
      this.calls.push({
        kernel: 'averagePoolBackward',
        windowHeight: 2,
        windowWidth: 2,
        input: view(features),
        norm: this.norm(norm, features),
        outputGradient: { gradient: gradientView(pooled), deferred: null },
        inputGradient: this.inputGradient(features, features.channels, norm, false),
      })
      this.offerGradient(blockName(layer.block), gradientView(features))
    }
  }

  /** With dropout between the two they do not commute: convolution first, as the original has it. */
  private convolveThenPool(layer: Layer, features: Activation, next: Activation, dropout: Dropout): () => void {
    const [{ norm, convolution }] = composites(layer)
    const { channels } = convolution.output
    const made = this.activation(`transition${layer.block}`, channels, convolution.output)
    this.convolutionForward(convolution, view(features), this.normForward(norm, features), view(made), null, dropout)
    const pool = { windowHeight: 2, windowWidth: 2, input: view(made), norm: null }
    const output = view(next, 0, channels)
    this.calls.push({ kernel: 'averagePoolForward', ...pool, output, statistics: this.statistics(next, 0) })
    return () => {
      this.calls.push({
        kernel: 'averagePoolBackward',
        ...pool,
        outputGradient: this.outputGradient(next, 0, channels),
        inputGradient: this.inputGradient(made, channels, null, false),
      })
      this.convolutionBackward(
        { norm, convolution },
        features,
        { gradient: gradientView(made), deferred: null },
        false,
        dropout,
      )
    }
  }
}
