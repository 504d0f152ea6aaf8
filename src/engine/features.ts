// What a layer of a network makes of images: the forward pass as far as that layer, with running statistics.
import type { Architecture } from '../model/architecture.js'
import { type FeatureLayer, featureCount, featureLayer, POOLED } from '../model/feature-layers.js'
import type { Backend, DeviceBuffer, Numbers } from './backend.js'
import { externalElements, rolesOf } from './externals.js'
import { plan } from './planner.js'
import type { ExternalRole } from './program.js'
import type { SessionState } from './session.js'

export interface FeatureOptions {
  readonly batchSize: number
  /** A name of featureLayers; default: `pooled`, what the classifier reads. */
  readonly layer?: string
}

export interface FeatureExtractor {
  readonly layer: FeatureLayer
  readonly batchSize: number
  /** Of `images` [size][channels][height][width], normalised: [size][channels][height][width] of the layer. */
  run(images: ArrayLike<number>, size: number): Promise<Numbers>
  dispose(): void
}

export async function createFeatureExtractor(
  architecture: Architecture,
  backend: Backend,
  state: Pick<SessionState, 'parameters' | 'running'>,
  { batchSize, layer: name = POOLED }: FeatureOptions,
): Promise<FeatureExtractor> {
  const layer = featureLayer(architecture, name)
  const program = plan(architecture, { mode: 'eval', batchSize, until: name })
  const elements = externalElements(architecture, batchSize, name)
  const owned: DeviceBuffer[] = []
  const create = (count: number): DeviceBuffer => {
    const buffer = backend.createBuffer(count)
    owned.push(buffer)
    return buffer
  }
  const dispose = (): void => {
    for (const buffer of owned.splice(0)) buffer.dispose()
  }
  try {
    const arena = create(program.arenaElements)
    const buffers: Partial<Record<ExternalRole, DeviceBuffer>> = {}
    for (const role of rolesOf([program])) buffers[role] = create(elements[role])
    const { parameters, running, input, features } = buffers
    await parameters!.write(state.parameters)
    // The first convolution of a small network comes before any batch norm.
    await running?.write(state.running)
    const executable = await backend.compile(program, { ...buffers, arena })
    return {
      layer,
      batchSize,
      async run(images, size) {
        await input!.write(images)
        await executable.run({ batch: size })
        return features!.read(0, size * featureCount(layer))
      },
      dispose() {
        executable.dispose()
        dispose()
      },
    }
  } catch (error) {
    dispose()
    throw error
  }
}
