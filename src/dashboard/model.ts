// The network of a run as the model's page draws it, from its config.json alone.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DenseNet } from '../densenet.js'
import { DenseNetError } from '../errors.js'
import { CONFIG_FILE } from '../fitting/settings.js'
import { architecture } from '../model/architecture.js'
import type { DenseNetOptions } from '../model/config.js'
import { kindOf } from '../model/describe.js'
import { layerFacts } from '../model/operations.js'
import { readSettings } from '../runs/run-settings.js'
import { PAPER_RECIPE } from '../training/recipe.js'
import type { ModelFacts } from './api.js'

export async function modelFacts(folder: string): Promise<ModelFacts> {
  const { model: name } = await readSettings(folder)
  const path = join(folder, CONFIG_FILE)
  const written = JSON.parse(await readFile(path, 'utf8')) as {
    config?: DenseNetOptions
    recipe?: { batchSize?: number }
  }
  if (!written.config) throw new DenseNetError(`${path} does not say what the network is`)
  const network = DenseNet.create(written.config)
  const batchSize = written.recipe?.batchSize ?? PAPER_RECIPE.batchSize
  const { depth, parameters, multiplyAdds, training } = network.summary({ batchSize })
  const { growthRate, classes, inputChannels, height, width } = network.config
  return {
    name,
    kind: kindOf(network.config),
    growthRate,
    depth,
    parameters,
    multiplyAdds,
    classes,
    batchSize,
    input: [inputChannels, height, width],
    layers: layerFacts(architecture(network.config)),
    memory: training,
  }
}
