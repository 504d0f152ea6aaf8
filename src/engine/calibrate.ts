// How finely the activations of layers in int8 are counted: what both convolutions of each read is looked at on some images, and the
// step is taken that errs least, between rounding what is small and cutting what is large off.
import { type Architecture, blockName } from '../model/architecture.js'
import { parameterTable } from '../model/parameters.js'
import {
  LARGEST_ACTIVATION,
  type QuantizableLayer,
  type Quantization,
  quantizableLayers,
} from '../model/quantization.js'
import { withCleanup } from '../util/cleanup.js'
import type { Backend } from './backend.js'
import { bindProgram } from './bound-program.js'
import { createFeatureExtractor } from './features.js'
import { affineOf, foldedPieces, tensorsOf } from './fold.js'
import type { KernelCall, Ref } from './kernels.js'
import type { Program } from './program.js'
import type { SessionState } from './session.js'

/** Normalised images [size][channels][height][width]. */
export interface ImageBatch {
  readonly images: ArrayLike<number>
  readonly size: number
}

/** Of each channel of a map so many pixels are looked at, evenly. */
const SAMPLES = 64

/** Steps for all layers that can be in int8. `onLayers` is told how many layers are done. */
export async function calibrate(
  architecture: Architecture,
  backend: Backend,
  state: Pick<SessionState, 'parameters' | 'running'>,
  batches: readonly ImageBatch[],
  onLayers: (done: number) => void = () => {},
): Promise<Quantization> {
  const all = quantizableLayers(architecture)
  const quantization: Quantization[number][] = []
  while (quantization.length < all.length) {
    const { block } = all[quantization.length]!.layer
    const layers = all.filter(({ layer }) => layer.block === block)
    quantization.push(...(await calibrateBlock(architecture, backend, state, batches, { block, layers })))
    onLayers(quantization.length)
  }
  return quantization
}

interface Block {
  readonly block: number
  readonly layers: readonly QuantizableLayer[]
}

function calibrateBlock(
  architecture: Architecture,
  backend: Backend,
  state: Pick<SessionState, 'parameters' | 'running'>,
  batches: readonly ImageBatch[],
  { block, layers }: Block,
): Promise<Quantization> {
  const { parameters, running } = state
  return withCleanup(async later => {
    const batchSize = Math.max(...batches.map(({ size }) => size))
    const extractor = await createFeatureExtractor(architecture, backend, state, { batchSize, layer: blockName(block) })
    later(() => extractor.dispose())
    const program = bottlenecks(architecture, layers, extractor.layer.channels, batchSize)
    const { buffers, run, dispose } = await bindProgram(program, backend, state)
    later(dispose)
    for (const { offset, values } of foldedPieces(architecture, parameters, running)) {
      await buffers.parameters!.write(values, offset)
    }
    const tensor = tensorsOf(architecture, parameters, running)
    const norms = layers.map(({ norms: [norm] }) => affineOf(architecture, tensor, norm.name))
    const read = layers.map(() => ({ input: new Histogram(), between: new Histogram() }))
    const { height, width, channels } = extractor.layer
    const pixels = height * width
    const total = program.buffers[1]!.elements / pixels
    const stride = Math.max(1, Math.floor(pixels / SAMPLES))
    for (const { images, size } of batches) {
      const features = await extractor.run(images, size)
      await buffers.input!.write(features)
      await run({ batch: size })
      const between = await buffers.features!.read(0, size * total * pixels)
      for (let image = 0; image < size; image++) {
        let first = image * total
        for (const [i, { layer, convolutions }] of layers.entries()) {
          const { scale, shift } = norms[i]!
          for (let c = 0; c < layer.input.channels; c++) {
            const from = (image * channels + c) * pixels
            for (let p = from; p < from + pixels; p += stride) read[i]!.input.add(scale[c]! * features[p]! + shift[c]!)
          }
          const end = (first + convolutions[0].output.channels) * pixels
          for (let p = first * pixels; p < end; p += stride) read[i]!.between.add(between[p]!)
          first += convolutions[0].output.channels
        }
      }
    }
    return layers.map(({ layer: { name } }, i) => {
      return { name, inputStep: read[i]!.input.step(), betweenStep: read[i]!.between.step() }
    })
  })
}

/** What the bottlenecks of a block make of its features, one after the other: from the buffer `input` to `features`. */
function bottlenecks(
  architecture: Architecture,
  layers: readonly QuantizableLayer[],
  channels: number,
  batchSize: number,
): Program {
  const table = parameterTable(architecture)
  const offsets = new Map([...table.parameters, ...table.running].map(({ name, offset }) => [name, offset]))
  const at = (buffer: number, name: string): Ref => ({ buffer, offset: offsets.get(name)! })
  const [INPUT, FEATURES, PARAMETERS, RUNNING] = [0, 1, 2, 3]
  const { height, width } = layers[0]!.layer.input
  const total = layers.reduce((sum, { convolutions }) => sum + convolutions[0].output.channels, 0)
  let first = 0
  const calls = layers.map(({ norms: [norm, folded], convolutions: [{ name, output }], layer }): KernelCall => {
    const made = { buffer: FEATURES, stride: total, first, channels: output.channels, height, width }
    first += output.channels
    return {
      kernel: 'convolutionForward',
      ...{ size: 1, stride: 1, padding: 0 },
      input: { buffer: INPUT, stride: channels, first: 0, channels: layer.input.channels, height, width },
      norm: {
        gamma: at(PARAMETERS, `${norm.name}.weight`),
        beta: at(PARAMETERS, `${norm.name}.bias`),
        mean: at(RUNNING, `${norm.name}.running_mean`),
        variance: at(RUNNING, `${norm.name}.running_var`),
        epsilon: architecture.config.bnEpsilon,
      },
      weight: at(PARAMETERS, `${name}.weight`),
      foldedBias: at(PARAMETERS, `${folded.name}.bias`),
      output: made,
      statistics: null,
      dropout: null,
    }
  })
  const pixels = height * width
  return {
    batchSize,
    imageByImage: true,
    buffers: [
      { name: 'input', role: 'input', elements: channels * pixels, perImage: true },
      { name: 'features', role: 'features', elements: total * pixels, perImage: true },
      { name: 'parameters', role: 'parameters', elements: table.parameterCount },
      { name: 'running', role: 'running', elements: table.runningCount },
    ],
    calls,
    offsets: [-1, -1, -1, -1],
    arenaBytes: 0,
  }
}

const BINS = 2048

/** Numbers above 0, counted; what is larger than all before makes the bins twice as wide until it fits. */
class Histogram {
  readonly #counts = new Float64Array(BINS)
  #width = 2 ** -20

  add(value: number): void {
    if (!(value > 0) || value === Number.POSITIVE_INFINITY) return
    while (value >= BINS * this.#width) this.#widen()
    this.#counts[Math.floor(value / this.#width)]! += 1
  }

  #widen(): void {
    const counts = this.#counts
    for (let i = 0; i < BINS / 2; i++) counts[i] = counts[2 * i]! + counts[2 * i + 1]!
    counts.fill(0, BINS / 2)
    this.#width *= 2
  }

  /** Of the whole numbers 0 .. LARGEST_ACTIVATION the step that errs least in the square. Where nothing was above 0: 1. */
  step(): number {
    const end = 1 + this.#counts.findLastIndex(count => count > 0)
    if (end === 0) return 1
    let best = { error: Number.POSITIVE_INFINITY, step: 1 }
    for (let parts = 16; parts <= 128; parts++) {
      const cut = (parts / 128) * end
      const step = cut / LARGEST_ACTIVATION
      let error = 0
      for (let i = 0; i < end; i++) error += this.#counts[i]! * (i < cut ? step ** 2 / 12 : (i + 0.5 - cut) ** 2)
      if (error < best.error) best = { error, step }
    }
    return Math.fround(best.step * this.#width)
  }
}
