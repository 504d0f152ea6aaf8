/** What a DenseNet is: configuration, layers, parameters; no arithmetic. Loads anywhere.
 * @module densenet/model */

export { type Architecture, architecture, type Layer } from '../model/architecture.js'
export { CONFIG, IMAGENET_BLOCKS, resolveConfig } from '../model/config.js'
export { describe } from '../model/describe.js'
export { type FeatureLayer, featureCount, featureLayer, featureLayers } from '../model/feature-layers.js'
export { initialParameters, initialRunning } from '../model/initialise.js'
export { type ParameterTable, parameterTable } from '../model/parameters.js'
export { preset, presetNames } from '../model/presets.js'
export { summarise } from '../model/summary.js'
