// SHA-256 (FIPS 180-4), piece by piece: what browsers have of their own takes all bytes at once.

/** The first 32 bits of the fractions of roots of primes: cube roots for the rounds, square roots to begin with. */
const ROUNDS = new Int32Array(64)
const BEGINNING = new Int32Array(8)
for (let candidate = 2, found = 0; found < 64; candidate++) {
  let prime = true
  for (let divisor = 2; divisor * divisor <= candidate; divisor++) prime &&= candidate % divisor !== 0
  if (!prime) continue
  if (found < 8) BEGINNING[found] = fraction(Math.sqrt(candidate))
  ROUNDS[found++] = fraction(Math.cbrt(candidate))
}

function fraction(value: number): number {
  return ((value % 1) * 2 ** 32) | 0
}

export class Sha256 {
  readonly #state = BEGINNING.slice()
  readonly #block = new Uint8Array(64)
  readonly #words = new Int32Array(64)
  #length = 0

  update(data: string | Uint8Array): this {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data
    const begun = this.#length % 64
    this.#length += bytes.length
    const first = bytes.subarray(0, begun === 0 ? 0 : 64 - begun)
    this.#block.set(first, begun)
    if (begun > 0 && begun + first.length === 64) this.#compress(this.#block, 0)
    let at = first.length
    for (; at + 64 <= bytes.length; at += 64) this.#compress(bytes, at)
    if (at < bytes.length) this.#block.set(bytes.subarray(at))
    return this
  }

  digest(_: 'hex'): string {
    const bits = 8 * this.#length
    const padding = new Uint8Array(((119 - (this.#length % 64)) % 64) + 9)
    padding[0] = 0x80
    new DataView(padding.buffer).setBigUint64(padding.length - 8, BigInt(bits))
    this.update(padding)
    return Array.from(this.#state, word => (word >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #compress(bytes: Uint8Array, at: number): void {
    const words = this.#words
    const state = this.#state
    for (let i = 0, from = at; i < 16; i++, from += 4) {
      words[i] = (bytes[from]! << 24) | (bytes[from + 1]! << 16) | (bytes[from + 2]! << 8) | bytes[from + 3]!
    }
    for (let i = 16; i < 64; i++) {
      const x = words[i - 15]!
      const y = words[i - 2]!
      const s0 = turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)
      const s1 = turn(y, 17) ^ turn(y, 19) ^ (y >>> 10)
      words[i] = (words[i - 16]! + s0 + words[i - 7]! + s1) | 0
    }
    let a = state[0]!
    let b = state[1]!
    let c = state[2]!
    let d = state[3]!
    let e = state[4]!
    let f = state[5]!
    let g = state[6]!
    let h = state[7]!
    for (let i = 0; i < 64; i++) {
      const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + ROUNDS[i]! + words[i]!) | 0
      const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0
      h = g
      g = f
      f = e
      e = (d + one) | 0
      d = c
      c = b
      b = a
      a = (one + two) | 0
    }
    state[0]! += a
    state[1]! += b
    state[2]! += c
    state[3]! += d
    state[4]! += e
    state[5]! += f
    state[6]! += g
    state[7]! += h
  }
}

const turn = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits))
