// What each kernel reads and writes, for checking a program against its buffers before anything runs.
import type { KernelCall, Ref, View } from './kernels.js'
import { type Access, type Count, type Fields, fieldsOf } from './vocabulary.js'

/** A view, or `count` numbers at a ref. `update`: both read and written. */
export type Operand = {
  readonly name: string
  readonly access: 'read' | 'write' | 'update'
  /** What is there: activations, or numbers of the type of parameters. */
  readonly activations: boolean
} & ({ readonly view: View } | { readonly ref: Ref; readonly count: number })

/** One past the last element that an operand touches, in its buffer. */
export function endOf(operand: Operand, images: number): number {
  if ('ref' in operand) return operand.ref.offset + operand.count
  const { stride, first, channels, height, width } = operand.view
  return ((images - 1) * stride + first + channels) * height * width
}

/** Every operand of a call that runs `images` images. */
export function operandsOf(call: KernelCall, images: number): Operand[] {
  const found: Operand[] = []
  const accessOf = (access: Access): Operand['access'] => {
    if (access !== 'gather') return access
    return (call as { inputGradient: { accumulate: boolean } }).inputGradient.accumulate ? 'update' : 'write'
  }
  const visit = (value: object, fields: Fields, path: string): void => {
    for (const key in fields) {
      const field = fields[key]!
      const inner = value[key as keyof typeof value] as unknown
      if (inner === null || inner === undefined) continue
      const name = path + key
      if (field.kind === 'object') visit(inner, field.fields as Fields, `${name}.`)
      else if (field.kind === 'view' || field.kind === 'scores') {
        const activations = field.kind === 'view'
        found.push({ name, access: accessOf(field.access), activations, view: inner as View })
      } else if (field.kind === 'ref' || field.kind === 'weight') {
        const count = countOf(call, field.count, images)
        found.push({ name, access: accessOf(field.access), activations: false, ref: inner as Ref, count })
      }
    }
  }
  visit(call, fieldsOf(call), '')
  return found
}

/** How many numbers there are at a ref of a call. */
export function countOf(call: KernelCall, count: Count, images: number): number {
  let product = 1
  for (const factor of count) {
    if (typeof factor === 'number') product *= factor
    else if (factor === 'images') product *= images
    else product *= factor.split('.').reduce<unknown>((value, name) => value![name as never], call) as number
  }
  return product
}

/** Every buffer number that a call names. */
export function buffersOf(call: KernelCall): Set<number> {
  return new Set(operandsOf(call, 1).map(bufferOf))
}

export const bufferOf = (operand: Operand): number => ('ref' in operand ? operand.ref : operand.view).buffer
