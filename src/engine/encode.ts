// Programs as flat numbers, in the order of the vocabulary: what native/decode.h reads.
import type { KernelCall, Ref } from './kernels.js'
import { countOf } from './operands.js'
import { bytesPerElement, PRECISIONS, type Precision, type Program } from './program.js'
import { type Fields, fieldsOf, KERNEL_NAMES, REF, VIEW, VOCABULARY } from './vocabulary.js'

/** One more with every change that the table does not show: of the encoding, of what a kernel means, of how the addon is called. */
const VERSION = 6

/** Begins every encoding, so that a decoder of another table reads none of it: an FNV-1a hash of the table. */
export const FINGERPRINT = [...`${VERSION}${JSON.stringify([VOCABULARY, VIEW, REF])}`].reduce(
  (hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 16777619) >>> 0,
  2166136261,
)

/** FINGERPRINT, precision; batchSize, imageByImage, fixedParameters, arenaBytes; how many buffers and calls; of each buffer where it
 * is in the arena, or -1, and how far one image is from the next, or 0, in bytes; the calls. */
export function encode(program: Program): Float64Array {
  const { precision = 'float32', imageByImage = false, fixedParameters = false, buffers, calls, offsets } = program
  const to = [FINGERPRINT, PRECISIONS.indexOf(precision)]
  to.push(program.batchSize, Number(imageByImage), Number(fixedParameters), program.arenaBytes)
  to.push(buffers.length, calls.length)
  for (const [i, spec] of buffers.entries()) {
    to.push(spec.role === 'transient' ? offsets[i]! : -1, spec.perImage ? spec.elements * bytesPerElement(spec) : 0)
  }
  for (const call of calls) putCall(call, to)
  return Float64Array.from(to)
}

/** FINGERPRINT, precision; the call. */
export function encodeCall(call: KernelCall, precision: Precision = 'float32'): Float64Array {
  const to = [FINGERPRINT, PRECISIONS.indexOf(precision)]
  putCall(call, to)
  return Float64Array.from(to)
}

/** The kernel's number; its fields. Before those that may be missing: whether they are there. Behind a weight: its count. */
function putCall(call: KernelCall, to: number[]): void {
  const put = (value: object, fields: Fields): void => {
    for (const key in fields) {
      const field = fields[key]!
      const inner = value[key as keyof typeof value] as unknown
      const there = inner !== null && inner !== undefined
      if (field.without) to.push(Number(there))
      if (!there) continue
      if (field.kind === 'object') put(inner, field.fields as Fields)
      else if (field.kind === 'view' || field.kind === 'scores') put(inner, VIEW as Fields)
      else if (field.kind === 'ref' || field.kind === 'weight') {
        to.push((inner as Ref).buffer, (inner as Ref).offset)
        if (field.kind === 'weight') to.push(countOf(call, field.count, 1))
      } else to.push(Number(inner))
    }
  }
  to.push(KERNEL_NAMES.indexOf(call.kernel))
  put(call, fieldsOf(call))
}
