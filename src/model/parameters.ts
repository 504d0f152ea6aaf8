// architecture -> where each parameter lies in the one parameter buffer, and each running statistic in the one
// statistics buffer. The order is torchvision's (and the original's): the order of construction.
import type { Architecture, BatchNorm, Convolution } from './architecture.js'

export type ParameterRole = 'convolution' | 'gamma' | 'beta' | 'weight' | 'bias'

export interface TensorEntry {
  readonly name: string
  readonly shape: readonly number[]
  /** In elements, within the parameter (or statistics) buffer. */
  readonly offset: number
  readonly count: number
}

export interface ParameterEntry extends TensorEntry {
  readonly role: ParameterRole
}

/** Where each tensor lies in the flat arrays of parameters and of running statistics; offsets and counts in numbers. */
export interface ParameterTable {
  readonly parameters: readonly ParameterEntry[]
  readonly parameterCount: number
  /** `<norm>.running_mean`, `<norm>.running_var` of each batch norm, in order. */
  readonly running: readonly TensorEntry[]
  readonly runningCount: number
}

/** All parameters under torchvision's names, in its order. */
export function parameterTable(architecture: Architecture): ParameterTable {
  const parameters: ParameterEntry[] = []
  const running: TensorEntry[] = []
  let parameterCount = 0
  let runningCount = 0
  const add = (name: string, role: ParameterRole, ...shape: number[]): void => {
    const count = shape.reduce((a, b) => a * b, 1)
    parameters.push({ name, role, shape, offset: parameterCount, count })
    parameterCount += count
  }
  const addNorm = ({ name, channels }: BatchNorm): void => {
    add(`${name}.weight`, 'gamma', channels)
    add(`${name}.bias`, 'beta', channels)
    for (const statistic of ['running_mean', 'running_var']) {
      running.push({ name: `${name}.${statistic}`, shape: [channels], offset: runningCount, count: channels })
      runningCount += channels
    }
  }
  const addConvolution = ({ name, inChannels, outChannels, size }: Convolution): void =>
    add(`${name}.weight`, 'convolution', outChannels, inChannels, size, size)

  for (const layer of architecture.layers) {
    switch (layer.kind) {
      case 'stem':
        addConvolution(layer.convolution)
        if (layer.norm) addNorm(layer.norm)
        break
      case 'dense':
        for (const part of [layer.bottleneck, layer.growth]) {
          if (!part) continue
          addNorm(part.norm)
          addConvolution(part.convolution)
        }
        break
      case 'transition':
        addNorm(layer.norm)
        addConvolution(layer.convolution)
        break
      case 'head': {
        addNorm(layer.norm)
        const { name, inFeatures, outFeatures } = layer.classifier
        add(`${name}.weight`, 'weight', outFeatures, inFeatures)
        add(`${name}.bias`, 'bias', outFeatures)
      }
    }
  }
  return { parameters, parameterCount, running, runningCount }
}
