// Reading the original program's numbers: README.md says what they are.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

const bytes = (name: string): ArrayBuffer =>
  Uint8Array.from(gunzipSync(readFileSync(new URL(name, import.meta.url)))).buffer

/** One of the `.f64.gz` files. */
export const originalNumbers = (name: string): Float64Array => new Float64Array(bytes(`${name}.f64.gz`))

/** train_a.json */
export const original = JSON.parse(readFileSync(new URL('train_a.json', import.meta.url), 'utf8'))

export const ORIGINAL_BATCH = 8
const inputs = new Float32Array(bytes('inputs.f32.gz'))

/** What step `step` (from 0) is given. */
export function originalBatch(step: number): { size: number; images: Float32Array; labels: number[] } {
  const elements = inputs.length / original.steps
  return {
    size: ORIGINAL_BATCH,
    images: inputs.subarray(step * elements, (step + 1) * elements),
    labels: original.labels_1based[step].map((label: number) => label - 1),
  }
}
