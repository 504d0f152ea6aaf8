// Counter-based random numbers: a stream is named by (seed, purpose, indices...), never by how often anybody asked
// before. So resuming, more loader threads or another backend see the same numbers.

const PURPOSES = { initialisation: 1, shuffle: 2, augmentation: 3, dropout: 4, split: 5, mixing: 6 } as const
export type RandomPurpose = keyof typeof PURPOSES

/** A 32-bit mixing function, bijective, every output bit depends on every input bit ("lowbias32", Chris Wellons 2018). */
export function mix32(value: number): number {
  let x = value | 0
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}

/** A 32-bit key for (seed, purpose, indices...). The seed may be any safe integer: both its halves count. */
export function randomKey(seed: number, purpose: RandomPurpose, ...indices: number[]): number {
  let key = mix32(PURPOSES[purpose])
  for (const part of [seed, ...indices]) {
    key = mix32(key ^ (part >>> 0))
    key = mix32((key + (Math.floor(part / 2 ** 32) >>> 0) + 0x9e3779b9) >>> 0)
  }
  return key
}

/** A stream of random numbers (sfc32, Chris Doty-Humphrey, started from four mixed words). */
export interface RandomStream {
  /** An integer in [0, 2^32). */
  uint32(): number
  /** A number in [0, 1) with 53 random bits. */
  uniform(): number
  /** As many of those as there is room for, in a third of the time. */
  fillUniform(into: Float64Array): void
  /** An integer in [0, n), unbiased; 1 <= n <= 2^32. */
  integer(n: number): number
  /** A standard normal number (Box-Muller). */
  normal(): number
}

export function randomStream(seed: number, purpose: RandomPurpose, ...indices: number[]): RandomStream {
  const key = randomKey(seed, purpose, ...indices)
  let a = mix32(key ^ 0x243f6a88) | 0
  let b = mix32(key ^ 0x85a308d3) | 0
  let c = mix32(key ^ 0x13198a2e) | 0
  let counter = 1

  const uint32 = (): number => {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return t >>> 0
  }
  for (let i = 0; i < 12; i++) uint32()

  const uniform = (): number => ((uint32() >>> 5) * 2 ** 26 + (uint32() >>> 6)) / 2 ** 53
  const fillUniform = (into: Float64Array): void => {
    let [p, q, r, count] = [a, b, c, counter]
    for (let i = 0; i < into.length; i++) {
      const high = (((p + q) | 0) + count) | 0
      p = q ^ (q >>> 9)
      q = (r + (r << 3)) | 0
      r = (((r << 21) | (r >>> 11)) + high) | 0
      const low = (((p + q) | 0) + count + 1) | 0
      p = q ^ (q >>> 9)
      q = (r + (r << 3)) | 0
      r = (((r << 21) | (r >>> 11)) + low) | 0
      count = (count + 2) | 0
      into[i] = ((high >>> 5) * 2 ** 26 + (low >>> 6)) * 2 ** -53
    }
    ;[a, b, c, counter] = [p, q, r, count]
  }
  const integer = (n: number): number => {
    const limit = 2 ** 32 - (2 ** 32 % n)
    let x = uint32()
    while (x >= limit) x = uint32()
    return x % n
  }
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
  return { uint32, uniform, fillUniform, integer, normal }
}

/** A random permutation of 0 .. n-1 (Fisher-Yates). */
export function permutation(n: number, random: RandomStream): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = random.integer(i + 1)
    const t = order[i]!
    order[i] = order[j]!
    order[j] = t
  }
  return order
}
