// Reading the original program's numbers: README.md says what they are.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

const bytes = (name: string): ArrayBuffer =>
  Uint8Array.from(gunzipSync(readFileSync(new URL(name, import.meta.url)))).buffer

/** One of the `.f64.gz` files. */
export const seedNumbers = (name: string): Float64Array => new Float64Array(bytes(`${name}.f64.gz`))

/** train_a.json */
export const seed = JSON.parse(readFileSync(new URL('train_a.json', import.meta.url), 'utf8'))

export const SEED_BATCH = 8
const inputs = new Float32Array(bytes('inputs.f32.gz'))

/** What step `step` (from 0) is given. */
export function seedBatch(step: number): { size: number; images: Float32Array; labels: number[] } {
  const elements = inputs.length / seed.steps
  return {
    size: SEED_BATCH,
    images: inputs.subarray(step * elements, (step + 1) * elements),
    labels: seed.labels_1based[step].map((label: number) => label - 1),
  }
}
