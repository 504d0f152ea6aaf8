// Reads all numeric datasets of an HDF5 file, the container of Keras's weights. jsfive trusts its files, so that a broken
// one may send it in circles: files of strangers are read in a thread that can be ended (networks/hdf5.ts). Links are not
// followed, neither within the file nor outside.
/// <reference path="./jsfive.d.ts" />
import { Dataset, File, Group } from 'jsfive'

export interface Hdf5Dataset {
  /** "model_weights/conv1_bn/conv1_bn/gamma" */
  readonly path: string
  readonly shape: readonly number[]
  /** As HDF5 has it, such as "<f4". */
  readonly dtype: string
  readonly data: Float64Array
}

export interface Hdf5Content {
  readonly datasets: readonly Hdf5Dataset[]
  /** The attribute `name` of groups that have one. */
  readonly names: Readonly<Record<string, string>>
}

const DEEPEST = 20
const MOST_GROUPS = 100_000

/** `file`: its name. Throws whatever jsfive does. */
export function readHdf5(bytes: ArrayBuffer, file: string): Hdf5Content {
  const datasets: Hdf5Dataset[] = []
  const names: Record<string, string> = {}
  const seen = new Set<number>()
  let elements = 0
  const waiting: { group: Group; path: string; depth: number }[] = [
    { group: new File(bytes, file), path: '', depth: 0 },
  ]
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { group, path, depth } = next
    if (depth > DEEPEST || seen.size > MOST_GROUPS) throw new Error('its groups have no end')
    const name = path.endsWith('/vars') ? group.attrs.name : undefined
    if (typeof name === 'string') names[path] = name
    for (const key of group.keys) {
      const address = group._links[key]
      // A second way to the same object, or a link by name.
      if (typeof address !== 'number' || seen.has(address)) continue
      seen.add(address)
      const child = group.get(key)
      const place = path === '' ? key : `${path}/${key}`
      if (child instanceof Dataset) {
        const count = child.shape.reduce((a, b) => a * b, 1)
        if (!/^[<>|=]?[fiu]\d$/.test(String(child.dtype))) continue
        elements += count
        // Not compressed by Keras, so a dataset is no larger than the file.
        if (!(elements <= 2 * bytes.byteLength)) throw new Error(`${place} claims ${count} elements`)
        datasets.push({
          path: place,
          shape: [...child.shape],
          dtype: String(child.dtype),
          data: Float64Array.from(child.value),
        })
      } else if (child instanceof Group) waiting.push({ group: child, path: place, depth: depth + 1 })
    }
  }
  return { datasets, names }
}
