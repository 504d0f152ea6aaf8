// Chainer's weights: .npz of save_npz, an array a parameter, called predictor/dense2/bn1/gamma.
import { decodeNpy } from './npy.js'
import type { Tensor } from './tensor.js'
import type { WeightFile } from './weight-file.js'
import type { ZipEntry } from './zip.js'

/** Of its batch norms. */
const EPSILON = 2e-5

const FIELDS: Readonly<Record<string, string>> = {
  W: 'weight',
  b: 'bias',
  gamma: 'weight',
  beta: 'bias',
  avg_mean: 'running_mean',
  avg_var: 'running_var',
  N: 'num_batches_tracked',
}
/** What links keep beside their weights, for training. */
const OTHERS = new Set(['dropout_ratio'])

/** Whether an archive has arrays of Chainer's names. */
export const looksLikeChainer = (names: readonly string[]): boolean =>
  names.every(name => name.endsWith('.npy')) && names.some(name => /(^|\/)(W|gamma)\.npy$/.test(name))

export function readChainer(
  entries: ReadonlyMap<string, ZipEntry>,
  file: string,
): Pick<WeightFile, 'tensors' | 'layers' | 'bnEpsilon'> {
  const tensors = new Map<string, Tensor>()
  for (const [name, entry] of entries) {
    const parts = name.replace(/\.npy$/, '').split('/')
    const last = parts.pop()!
    if (OTHERS.has(last)) continue
    const field = Object.hasOwn(FIELDS, last) ? FIELDS[last]! : last
    tensors.set([...parts, field].join('.'), decodeNpy(entry.read(), `${file}: ${name}`))
  }
  return { tensors, layers: null, bnEpsilon: EPSILON }
}
