// architecture -> where each parameter lies in the one parameter buffer, and each running statistic in the one
// statistics buffer. The order is torchvision's (and the original's): the order of construction.
import type { Architecture } from './architecture.js'
import { type ParameterShape, product, type TensorShape } from './parts.js'

export interface TensorEntry extends TensorShape {
  /** In elements, within the parameter (or statistics) buffer. */
  readonly offset: number
  readonly count: number
}

export type ParameterEntry = TensorEntry & ParameterShape

/** Where each tensor lies in the flat arrays of parameters and of running statistics; offsets and counts in numbers. */
export interface ParameterTable {
  readonly parameters: readonly ParameterEntry[]
  readonly parameterCount: number
  /** `<norm>.running_mean`, `<norm>.running_var` of each batch norm, in order. */
  readonly running: readonly TensorEntry[]
  readonly runningCount: number
}

/** All parameters under torchvision's names, in its order. */
export function parameterTable({ layers }: Architecture): ParameterTable {
  const parts = layers.flatMap(layer => layer.parts)
  const [parameters, parameterCount] = placed(parts.flatMap(part => part.parameters))
  const [running, runningCount] = placed(parts.flatMap(part => part.running))
  return { parameters, parameterCount, running, runningCount }
}

/** One after the other, and how many numbers they are. */
function placed<T extends TensorShape>(tensors: readonly T[]): [(T & TensorEntry)[], number] {
  let end = 0
  const entries = tensors.map(tensor => {
    const [offset, count] = [end, product(tensor.shape)]
    end += count
    return { ...tensor, offset, count }
  })
  return [entries, end]
}
