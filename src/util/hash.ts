// A hash of numbers, to see whether they are the same: quick, and no proof against intent.

/** Two FNV-1a hashes over words of 32 bits, each begun otherwise. */
export function hashOf(arrays: readonly (Float32Array | Float64Array)[]): string {
  let [a, b] = [2166136261, 3141592653]
  for (const { buffer, byteOffset, byteLength } of arrays) {
    const words = new Int32Array(buffer, byteOffset, byteLength / 4)
    for (let i = 0; i < words.length; i++) {
      a = Math.imul(a ^ words[i]!, 16777619)
      b = Math.imul(b ^ (words[i]! + i), 2246822519)
    }
  }
  return [a, b].map(word => (word >>> 0).toString(16).padStart(8, '0')).join('')
}
