// Weights are arrays of up to millions of numbers, which expect() compares one by one, as objects with names: microseconds each.
// Here the same numbers are equal; others it compares itself, and says where they differ.
import { expect } from 'vitest'

const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength)

function sameNumbers(a: unknown, b: unknown): true | undefined {
  if (ArrayBuffer.isView(a) && ArrayBuffer.isView(b)) {
    return (a.constructor === b.constructor && bytes(a).equals(bytes(b))) || undefined
  }
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return undefined
  for (let i = 0; i < a.length; i++) if (typeof a[i] !== 'number' || !Object.is(a[i], b[i])) return undefined
  return true
}

// This is run before each file, and what it adds stays for those that come after it in the same process.
const once = globalThis as { comparesNumbers?: true }
if (!once.comparesNumbers) expect.addEqualityTesters([sameNumbers])
once.comparesNumbers = true
