// Weights are arrays of up to millions of numbers, which expect() compares one by one, as objects with names: microseconds each.
// Here the same bytes are equal; others it compares itself, and says where they differ.
import { expect } from 'vitest'

const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength)

function sameBytes(a: unknown, b: unknown): true | undefined {
  if (!ArrayBuffer.isView(a) || !ArrayBuffer.isView(b) || a.constructor !== b.constructor) return undefined
  return bytes(a).equals(bytes(b)) || undefined
}

// This is run before each file, and what it adds stays for those that come after it in the same process.
const once = globalThis as { comparesBytes?: true }
if (!once.comparesBytes) expect.addEqualityTesters([sameBytes])
once.comparesBytes = true
