// Weights of a Lasagne network: numpy.savez of get_all_param_values, arrays without names in the order of the layers. Its two
// DenseNets (Recipes, papers/densenet) differ: the plain one normalises before every convolution, the fast one normalises
// maps when they are made, and whoever reads them scales and shifts. Both are the same network here.
import { DenseNetError } from '../errors.js'
import { decodeNpy } from './npy.js'
import { isFloating, type Tensor, turnKernels } from './tensor.js'
import type { LayerInFile, WeightFile } from './weight-file.js'
import type { ZipEntry } from './zip.js'

/** Of its batch norms; it is in the numbers that they keep. */
const EPSILON = 1e-4
const MOST_ARRAYS = 100_000

export const looksLikeLasagne = (names: readonly string[]): boolean =>
  names.length > 0 && names.every(name => /^arr_\d+\.npy$/.test(name))

export function readLasagne(
  entries: ReadonlyMap<string, ZipEntry>,
  file: string,
): Pick<WeightFile, 'tensors' | 'layers' | 'bnEpsilon'> {
  const refuse = (why: string): DenseNetError =>
    new DenseNetError(`${file} holds arrays without names that are not those of Lasagne's DenseNets: ${why}`)
  if (entries.size > MOST_ARRAYS) throw refuse(`there are ${entries.size}`)
  const arrays = Array.from(entries.keys(), (_, i) => {
    const entry = entries.get(`arr_${i}.npy`)
    if (entry === undefined) throw refuse(`arr_${i} is missing`)
    const array = decodeNpy(entry.read(), `${file}: arr_${i}`)
    if (!isFloating(array.data)) throw refuse(`arr_${i} holds whole numbers`)
    return array
  })
  const tensors = new Map<string, Tensor>()
  const layers: LayerInFile[] = []
  const add = (place: number, kind: LayerInFile['kind'], fields: Readonly<Record<string, Tensor>>): void => {
    const name = `arr_${place}`
    layers.push({ name, kind })
    for (const [field, tensor] of Object.entries(fields)) tensors.set(`${name}.${field}`, tensor)
  }
  // Of the fast network: mean and variance of the maps that a block has made.
  let made: [Tensor, Tensor] | null = null
  let place = 0
  const rank = (at: number): number => arrays[at]?.shape.length ?? 0
  const vectors = (count: number): Tensor[] => {
    const found = arrays.slice(place, place + count)
    if (found.length < count || found.some(({ shape }) => shape.length !== 1)) {
      throw refuse(`${count} lists of numbers should begin with arr_${place}`)
    }
    place += count
    return found
  }
  while (place < arrays.length) {
    if (rank(place) === 4) {
      const { shape, data } = arrays[place]!
      const kernels = { shape, data: data.slice() }
      turnKernels(kernels)
      add(place++, 'convolution', { weight: kernels })
    } else if (rank(place) === 2) {
      const weight = transposed(arrays[place]!)
      add(place++, 'linear', rank(place) === 1 ? { weight, bias: vectors(1)[0]! } : { weight })
    } else if (isFast(arrays, place) || made !== null) {
      // mean and deviation of what the convolution made, then scale and shift for the next one.
      const [mean, inverse] = vectors(2) as [Tensor, Tensor]
      const isTransition: boolean = made !== null && arrays[place - 3]?.shape[2] === 1
      const before: [Tensor, Tensor] | null = isTransition ? null : made
      made = [joined(before?.[0], mean), joined(before?.[1], varianceOf(inverse))]
      const [weight, bias] = vectors(2) as [Tensor, Tensor]
      if (weight.shape[0] !== made[0].shape[0]) throw refuse(`arr_${place - 2} is for other maps than there are`)
      add(place - 2, 'norm', { weight, bias, running_mean: made[0], running_var: made[1] })
    } else {
      const [bias, weight, running_mean, inverse] = vectors(4) as [Tensor, Tensor, Tensor, Tensor]
      add(place - 4, 'norm', { weight, bias, running_mean, running_var: varianceOf(inverse) })
    }
  }
  return { tensors, layers, bnEpsilon: EPSILON }
}

/** Whether, behind the first convolution, lists of the fast network follow: those behind the second differ in length. */
function isFast(arrays: readonly Tensor[], place: number): boolean {
  const [maps, all] = [arrays[place + 5], arrays[place + 7]]
  return place === 1 && maps !== undefined && all !== undefined && maps.shape[0] !== all.shape[0]
}

/** It keeps 1 / sqrt(variance + epsilon). Nought may come out as a hair less. */
function varianceOf({ shape, data }: Tensor): Tensor {
  const variances = Float64Array.from(data as Float32Array, inverse => {
    const variance = 1 / (inverse * inverse) - EPSILON
    return variance < 0 && variance > -1e-6 * EPSILON ? 0 : variance
  })
  return { shape, data: variances }
}

function joined(before: Tensor | undefined, { data }: Tensor): Tensor {
  const length = before?.data.length ?? 0
  const all = new Float64Array(length + data.length)
  if (before) all.set(before.data as Float64Array)
  all.set(data as Float64Array, length)
  return { shape: [all.length], data: all }
}

/** [in][out] to [out][in]. */
function transposed({ shape, data }: Tensor): Tensor {
  const [inputs, outputs] = shape as [number, number]
  const values = Float32Array.from(data as Float32Array, (_, i) =>
    Number(data[(i % inputs) * outputs + Math.floor(i / inputs)]),
  )
  return { shape: [outputs, inputs], data: values }
}
