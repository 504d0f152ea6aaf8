// Texts to pipelines: what a dispatch binds is written before its text, and each text is compiled once.
import { DenseNetError } from '../../errors.js'
import type { Bound } from './bindings.js'
import type { Dispatch } from './dispatch.js'
import { type BindGroupLayout, COMPUTE_STAGE, type Device, type Pipeline, type PipelineLayout } from './platform.js'
import { HALVES } from './wgsl/activations.js'
import { TOTAL, TOTAL_OF_SUBGROUPS } from './wgsl/common.js'

interface Layout {
  readonly group: BindGroupLayout
  readonly pipeline: PipelineLayout
}

export interface Pipelines {
  /** Of a text that assembled() made. */
  pipeline(name: string, text: string, storages: number): Promise<Pipeline>
  layout(storages: number): BindGroupLayout
}

/** The names of a dispatch's numbers in the order in which they lie in memory behind its rows, four bytes each: u32, then f32. */
export function numbersOf({ operands, whole, real }: Dispatch): { readonly whole: string[]; readonly real: string[] } {
  return { whole: [...Object.keys(operands).map(offsetName), ...Object.keys(whole)], real: Object.keys(real) }
}

export const offsetName = (operand: string): string => `at_${operand}`

/** The names of a row's numbers; a row is as many times four of them as it takes. */
export function rowNames({ rows }: Dispatch): string[] {
  const names = Object.keys(rows?.[0] ?? {})
  const unused = Array.from({ length: (4 - (names.length % 4)) % 4 }, (_, i) => `unused${i}`)
  return [...names, ...unused]
}

/** The text with its declarations, in which operands are windows of buffers; `subgroups`: where the device has them. */
export function assembled(dispatch: Dispatch, { windows, places }: Bound, subgroups = false): string {
  const { text, operands, rows } = dispatch
  const { whole, real } = numbersOf(dispatch)
  const row = rowNames(dispatch).map(name => `${name}: u32`)
  const fields = [
    ...(rows ? [`rows: array<Row, ${rows.length}>`] : []),
    ...whole.map(name => `${name}: u32`),
    ...real.map(name => `${name}: f32`),
  ]
  // Floats beside bfloat16 are kept as their bits, too: a window is of one type, and bits that are no number must stay as they are.
  const halves = Object.values(operands).some(({ holds = 'float32' }) => holds !== 'float32')
  const declarations = windows.map(
    (_, i) => `@group(0) @binding(${i + 1}) var<storage, read_write> buffer${i}: array<${halves ? 'u32' : 'f32'}>;`,
  )
  const access = (name: string): Access => {
    const at = (index: string): string => `call.${offsetName(name)} + ${index}`
    const element = (index: string): string => `buffer${places.get(name)!.window}[${index}]`
    const bits: Access = {
      read: index => element(at(index)),
      write: (index, value) => `${element(at(index))} = ${value}`,
    }
    const { holds = 'float32' } = operands[name]!
    if (!halves || holds === 'pairs') return bits
    if (holds === 'float32') {
      return {
        read: index => `bitcast<f32>(${bits.read(index)})`,
        write: (index, value) => bits.write(index, `bitcast<u32>(${value})`),
      }
    }
    const read = (index: string): string => `widened(${element(`(${at(index)}) / 2`)}, ${at(index)})`
    return {
      read,
      write: () => {
        throw new Error(`${dispatch.name} writes bfloat16 one by one`)
      },
    }
  }
  const bySubgroups = subgroups && text.includes(TOTAL)
  const body = accessed(bySubgroups ? text.replace(TOTAL, TOTAL_OF_SUBGROUPS) : text, Object.keys(operands), access)
  return [
    ...(bySubgroups ? ['enable subgroups;'] : []),
    ...(rows ? [`struct Row { ${row.join(', ')} }`] : []),
    `struct Call { ${fields.join(', ')} }`,
    '@group(0) @binding(0) var<uniform> call: Call;',
    ...declarations,
    ...(/widened|narrowed/.test(body) ? [HALVES] : []),
    body,
  ].join('\n')
}

/** In WGSL: an element, and the statement that assigns to it. */
interface Access {
  read(index: string): string
  write(index: string, value: string): string
}

/** A text in which `name[index]` and `name[index] = value;` are what `access` makes of them. */
function accessed(text: string, names: readonly string[], access: (name: string) => Access): string {
  const pattern = new RegExp(`(?<![\\w.])(${names.join('|')})\\[`)
  const found = names.length === 0 ? null : pattern.exec(text)
  if (found === null) return text
  const begin = found.index + found[0].length
  const end = closing(text, begin)
  const inner = (part: string): string => accessed(part, names, access)
  const [before, index, after] = [text.slice(0, found.index), inner(text.slice(begin, end)), text.slice(end + 1)]
  const { read, write } = access(found[1]!)
  const assigned = /^\s*([-+*]?)=(?!=)/.exec(after)
  if (!assigned) return before + read(index) + inner(after)
  const stop = after.indexOf(';')
  const value = inner(after.slice(assigned[0].length, stop)).trim()
  const operator = assigned[1]
  return before + write(index, operator ? `${read(index)} ${operator} (${value})` : value) + inner(after.slice(stop))
}

/** Where the bracket is closed that was opened before `begin`. */
function closing(text: string, begin: number): number {
  let open = 1
  let at = begin
  for (; open > 0; at++) open += Number(text[at] === '[') - Number(text[at] === ']')
  return at - 1
}

export function createPipelines(device: Device): Pipelines {
  const layouts = new Map<number, Layout>()
  const made = new Map<string, Promise<Pipeline>>()
  const layoutOf = (storages: number): Layout => {
    const known = layouts.get(storages)
    if (known) return known
    const entries = Array.from({ length: storages + 1 }, (_, binding) => ({
      binding,
      visibility: COMPUTE_STAGE,
      buffer: { type: binding === 0 ? ('uniform' as const) : ('storage' as const) },
    }))
    const group = device.createBindGroupLayout({ entries })
    const layout = { group, pipeline: device.createPipelineLayout({ bindGroupLayouts: [group] }) }
    layouts.set(storages, layout)
    return layout
  }
  const compile = async (name: string, code: string, storages: number): Promise<Pipeline> => {
    const module = device.createShaderModule({ code, label: name })
    try {
      return await device.createComputePipelineAsync({
        layout: layoutOf(storages).pipeline,
        compute: { module, entryPoint: 'main' },
      })
    } catch (error) {
      const { messages } = await module.getCompilationInfo()
      const why = messages.map(({ message }) => message).join('; ') || (error as Error).message
      throw new DenseNetError(`the GPU's driver does not compile the kernel "${name}" (${why})`, { cause: error })
    }
  }
  return {
    layout: storages => layoutOf(storages).group,
    pipeline(name, text, storages) {
      const pipeline = made.get(text) ?? compile(name, text, storages)
      made.set(text, pipeline)
      return pipeline
    },
  }
}
