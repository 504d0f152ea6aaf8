/** What a network does: Grad-CAM, feature reuse, activations, weights.
 * @module densenet/inspect */

export { type ActivationOptions, type Activations, activations } from '../inspect/activations.js'
export type { ClassMap, GradCam } from '../inspect/class-maps.js'
export * from '../inspect/feature-reuse.js'
export { type Filters, firstFilters } from '../inspect/filters.js'
export { type GradCamOptions, gradCam, gradCamLayers } from '../inspect/grad-cam.js'
export * from '../inspect/inspection.js'
export { type LayerHistory, readLayerHistory } from '../inspect/layer-history.js'
export type { InspectedNetwork, InspectOptions } from '../inspect/network.js'
export { type WeightStatistics, weightStatistics } from '../inspect/weights.js'
export { inspectionEnding, pngOf, writeInspection } from '../inspect/write-inspection.js'
