// How the scores of classes hang on what a layer makes of an image: outputs and gradients of any layer, with running
// statistics and without dropout, as in evaluation.
import type { Architecture } from '../model/architecture.js'
import { type FeatureLayer, featureCount, featureLayer, gradientLayers } from '../model/feature-layers.js'
import { parameterTable } from '../model/parameters.js'
import type { Backend, Numbers } from './backend.js'
import { bindProgram } from './bound-program.js'
import { plan } from './planner.js'
import type { SessionState } from './session.js'

export interface ScoreGradientOptions {
  readonly batchSize: number
  /** A name of gradientLayers. */
  readonly layer: string
}

export interface ScoreGradients {
  /** [size][classes] */
  readonly logits: Numbers
  /** [size][channels][height][width]: the layer's output. */
  readonly features: Numbers
  /** Same shape: the gradient of each image's score with respect to it. */
  readonly gradients: Numbers
}

export interface ScoreGradientRunner {
  readonly layer: FeatureLayer
  readonly batchSize: number
  /** `images` [size][channels][height][width], normalised; `targets` [size][classes]: an image's score is the sum of its
   * logits times these. */
  run(images: ArrayLike<number>, targets: ArrayLike<number>, size: number): Promise<ScoreGradients>
  dispose(): void
}

export async function createScoreGradients(
  architecture: Architecture,
  backend: Backend,
  state: Pick<SessionState, 'parameters' | 'running'>,
  { batchSize, layer: name }: ScoreGradientOptions,
): Promise<ScoreGradientRunner> {
  const layer = featureLayer(architecture, name, gradientLayers(architecture))
  const { classes } = architecture.config
  const frozen = new Set(parameterTable(architecture).parameters.map(parameter => parameter.name))
  const evaluated: Architecture = { ...architecture, config: { ...architecture.config, dropRate: 0 } }
  const program = plan(evaluated, {
    mode: 'train',
    batchSize,
    precision: backend.precision,
    frozen,
    scored: name,
  })
  const { buffers, run, dispose } = await bindProgram(program, backend, state)
  const count = featureCount(layer)
  return {
    layer,
    batchSize,
    async run(images, targets, size) {
      await Promise.all([buffers.input!.write(images), buffers.targets!.write(targets)])
      await run({ batch: size })
      return {
        logits: await buffers.logits!.read(0, size * classes),
        features: await buffers.features!.read(0, size * count),
        gradients: await buffers.featureGradients!.read(0, size * count),
      }
    },
    dispose,
  }
}
