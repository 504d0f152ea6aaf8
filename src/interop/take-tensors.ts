// Tensors under a network's own names become its parameters and running statistics.
import { DenseNetError } from '../errors.js'
import type { Architecture } from '../model/architecture.js'
import { initialParameters, initialRunning } from '../model/initialise.js'
import { parameterTable, type TensorEntry } from '../model/parameters.js'
import { isFloating, type Tensor, type TensorData } from './tensor.js'

/** Parameters and running statistics of a network out of tensors under its own names: which were there, which keep fresh
 * values, and which had the same numbers under another shape. `origins`: what the file calls them. */
export function takeTensors(
  described: Architecture,
  tensors: ReadonlyMap<string, Tensor>,
  path: string,
  origins: ReadonlyMap<string, string> = new Map(),
) {
  const table = parameterTable(described)
  const parameters = initialParameters(table, 0)
  const running = initialRunning(table)
  const matched: string[] = []
  const missing: string[] = []
  const reshaped: string[] = []
  for (const [entries, values] of [
    [table.parameters, parameters],
    [table.running, running],
  ] as const) {
    for (const entry of entries) {
      const tensor = tensors.get(entry.name)
      const origin = origins.get(entry.name) ?? entry.name
      if (tensor === undefined) {
        missing.push(entry.name)
        continue
      }
      if (tensor.shape.join() !== entry.shape.join()) {
        if (!isSameButForOnes(tensor.shape, entry.shape)) throw misshapen(entry, tensor, origin, path)
        reshaped.push(`${origin} [${tensor.shape}] as [${entry.shape}]`)
      }
      values.set(checked(tensor.data, entry, origin, path), entry.offset)
      matched.push(entry.name)
    }
  }
  return { parameters, running, matched, missing, reshaped }
}

const isSameButForOnes = (a: readonly number[], b: readonly number[]): boolean =>
  a.filter(n => n !== 1).join() === b.filter(n => n !== 1).join()

function misshapen(entry: TensorEntry, { shape }: Tensor, origin: string, path: string) {
  return new DenseNetError(
    `${path}: ${origin} has shape [${shape}], the network inferred from the others needs [${entry.shape}]`,
  )
}

function checked(data: TensorData, { name, count }: TensorEntry, origin: string, path: string): Float32Array {
  if (!isFloating(data)) throw new DenseNetError(`${path}: ${origin} holds whole numbers, not weights`)
  const values = Float32Array.from(data)
  const variance = name.endsWith('.running_var')
  for (let i = 0; i < count; i++) {
    const value = values[i]!
    if (Number.isFinite(value) && !(variance && value < 0)) continue
    const what = Number.isFinite(value) ? `the negative variance ${value}` : `${data[i]}`
    throw new DenseNetError(`${path}: element ${i} of ${origin} is ${what}; these weights are not usable`)
  }
  return values
}
