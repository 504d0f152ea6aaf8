// Weights and gradients of each parameter tensor as statistics: how a training goes, layer by layer.
import type { Numbers } from '../engine/backend.js'
import type { ParameterTable } from '../model/parameters.js'
import { type NumberStatistics, statisticsOf } from '../util/statistics.js'

/** Of one tensor's weights, or of its gradients. */
export type TensorStatistics = NumberStatistics

export interface LayerStatistics {
  /** torchvision's: "features.denseblock1.denselayer1.conv1.weight" */
  readonly name: string
  readonly weights: TensorStatistics
  readonly gradients: TensorStatistics
}

/** Of all tensors, in their order; `parameters` and `gradients` lie as the table says. */
export function layerStatistics(table: ParameterTable, parameters: Numbers, gradients: Numbers): LayerStatistics[] {
  return table.parameters.map(({ name, offset, count }) => ({
    name,
    weights: statisticsOf(parameters.subarray(offset, offset + count)),
    gradients: statisticsOf(gradients.subarray(offset, offset + count)),
  }))
}
