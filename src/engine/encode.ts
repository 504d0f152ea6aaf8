// Programs as flat numbers, in the order of the vocabulary: what native/decode.h reads.
import type { KernelCall, Ref } from './kernels.js'
import { countOf } from './operands.js'
import type { Program } from './program.js'
import { type Fields, fieldsOf, KERNEL_NAMES, REF, VIEW, VOCABULARY } from './vocabulary.js'

/** One more with every change that the table does not show: of the encoding, of what a kernel means, of how the addon is called. */
const VERSION = 5

/** Begins every encoding, so that a decoder of another table reads none of it: an FNV-1a hash of the table. */
export const FINGERPRINT = [...`${VERSION}${JSON.stringify([VOCABULARY, VIEW, REF])}`].reduce(
  (hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 16777619) >>> 0,
  2166136261,
)

/** FINGERPRINT; batchSize, imageByImage, fixedParameters, arenaElements; how many buffers and calls; of each buffer where it is in
 * the arena, or -1, and how far one image is from the next, or 0; the calls. */
export function encode(program: Program): Float64Array {
  const { batchSize, imageByImage = false, fixedParameters = false, arenaElements, buffers, calls, offsets } = program
  const to = [FINGERPRINT, batchSize, Number(imageByImage), Number(fixedParameters), arenaElements]
  to.push(buffers.length, calls.length)
  for (const [i, { role, perImage, elements }] of buffers.entries()) {
    to.push(role === 'transient' ? offsets[i]! : -1, perImage ? elements : 0)
  }
  for (const call of calls) putCall(call, to)
  return Float64Array.from(to)
}

/** FINGERPRINT; the call. */
export function encodeCall(call: KernelCall): Float64Array {
  const to = [FINGERPRINT]
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
      else if (field.kind === 'view') put(inner, VIEW as Fields)
      else if (field.kind === 'ref' || field.kind === 'weight') {
        to.push((inner as Ref).buffer, (inner as Ref).offset)
        if (field.kind === 'weight') to.push(countOf(call, field.count, 1))
      } else to.push(Number(inner))
    }
  }
  to.push(KERNEL_NAMES.indexOf(call.kernel))
  put(call, fieldsOf(call))
}
