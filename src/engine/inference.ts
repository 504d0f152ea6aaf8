// A network made ready to answer: its own program, without loss, with folded norms, image by image, several in flight.
import { type Architecture, scoresOf } from '../model/architecture.js'
import { featureCount, featureLayer } from '../model/feature-layers.js'
import type { Quantization } from '../model/quantization.js'
import type { Backend, Numbers } from './backend.js'
import { bindProgram } from './bound-program.js'
import { foldedPieces } from './fold.js'
import { plan } from './planner.js'
import type { Precision, Program } from './program.js'
import { quantizedPieces } from './quantized.js'
import type { SessionState } from './session.js'

export interface InferenceOptions {
  /** The most images of a run. */
  readonly batchSize: number
  /** A name of featureLayers, to read that layer's output; default: the logits. */
  readonly layer?: string
  /** See PlanOptions. */
  readonly ownStatistics?: boolean | undefined
  /** The layers that are computed in int8; default: none. */
  readonly quantization?: Quantization | undefined
  /** As inferenceProgram gives it for these options, where it is planned already. */
  readonly program?: Program
}

/** The program that gives the logits, or a layer's output, on a backend of this precision. */
export const inferenceProgram = (
  architecture: Architecture,
  { batchSize, layer, ownStatistics = false, quantization }: Omit<InferenceOptions, 'program'>,
  precision: Precision,
): Program =>
  plan(architecture, {
    mode: 'infer',
    batchSize,
    precision,
    ownStatistics,
    quantization,
    ...(layer === undefined ? {} : { until: layer }),
  })

export interface Inference {
  readonly batchSize: number
  /** Of `images` [size][channels][height][width], normalised: logits [size][classes], of pixels [size][classes][height][width], or [size][channels][height][width] of
   * the layer. */
  run(images: ArrayLike<number>, size: number): Promise<Numbers>
  /** Frees its memory; it cannot run afterwards. */
  dispose(): void
}

export async function createInference(
  architecture: Architecture,
  backend: Backend,
  { parameters, running }: Pick<SessionState, 'parameters' | 'running'>,
  {
    batchSize,
    layer,
    ownStatistics,
    quantization = [],
    program = inferenceProgram(architecture, { batchSize, layer, ownStatistics, quantization }, backend.precision),
  }: InferenceOptions,
): Promise<Inference> {
  const each =
    layer === undefined ? featureCount(scoresOf(architecture)) : featureCount(featureLayer(architecture, layer))
  // What comes before the first norm is read from the weights as they are.
  const folds = program.calls.some(call => 'foldedBias' in call && call.foldedBias)
  const { buffers, run, dispose } = await bindProgram(program, backend, { parameters, running })
  if (folds) {
    for (const { offset, values } of foldedPieces(architecture, parameters, running)) {
      await buffers.parameters!.write(values, offset)
    }
  }
  for (const { role, offset, values } of quantizedPieces(architecture, parameters, running, quantization)) {
    await buffers[role]?.write(values, offset)
  }
  const output = layer === undefined ? buffers.logits! : buffers.features!
  return {
    batchSize,
    async run(images, size) {
      await buffers.input!.write(images)
      await run({ batch: size })
      return output.read(0, size * each)
    },
    dispose,
  }
}
