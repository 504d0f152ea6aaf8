// Fresh weights as the original makes them (models/densenet.lua): convolutions N(0, sqrt(2 / (kW kH out))) (He et al. 2015,
// fan out), batch norm scale 1 and shift 0, classifier weight uniform in +-1/sqrt(in), bias 0; running mean 0, variance 1.
import { randomStream } from '../util/random.js'
import type { Family } from './config.js'
import type { ParameterTable } from './parameters.js'

/** All parameters, in parameter order. The same seed gives the same numbers on every machine. Convolutions of FC-DenseNets are
 * uniform in +-sqrt(6 / fan in) (He et al. 2015), as their authors have them. */
export function initialParameters(table: ParameterTable, seed: number, family: Family = 'densenet'): Float32Array {
  const values = new Float32Array(table.parameterCount)
  for (const [index, { role, shape, offset, count }] of table.parameters.entries()) {
    const tensor = values.subarray(offset, offset + count)
    const random = randomStream(seed, 'initialisation', index)
    if (role === 'gamma') tensor.fill(1)
    else if (role === 'convolution' && family === 'fc-densenet') {
      const bound = Math.sqrt(6 / (count / shape[0]!))
      for (let i = 0; i < count; i++) tensor[i] = bound * (2 * random.uniform() - 1)
    } else if (role === 'convolution') {
      const deviation = Math.sqrt(2 / (shape[0]! * shape[2]! * shape[3]!))
      for (let i = 0; i < count; i++) tensor[i] = deviation * random.normal()
    } else if (role === 'weight') {
      const bound = 1 / Math.sqrt(shape[1]!)
      for (let i = 0; i < count; i++) tensor[i] = bound * (2 * random.uniform() - 1)
    }
  }
  return values
}

/** Running statistics before any training, in the order of the table. */
export function initialRunning(table: ParameterTable): Float32Array {
  const values = new Float32Array(table.runningCount)
  for (const { name, offset, count } of table.running) {
    if (name.endsWith('.running_var')) values.fill(1, offset, offset + count)
  }
  return values
}
