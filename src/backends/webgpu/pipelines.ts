// Texts to pipelines: what a dispatch binds is written before its text, and each text is compiled once.
import { DenseNetError } from '../../errors.js'
import type { Bound } from './bindings.js'
import type { Dispatch } from './dispatch.js'
import { type BindGroupLayout, COMPUTE_STAGE, type Device, type Pipeline, type PipelineLayout } from './platform.js'

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

/** The text with its declarations, in which operands are windows of buffers. */
export function assembled(dispatch: Dispatch, { windows, places }: Bound): string {
  const { whole, real } = numbersOf(dispatch)
  const row = rowNames(dispatch).map(name => `${name}: u32`)
  const rows = dispatch.rows ? [`rows: array<Row, ${dispatch.rows.length}>`] : []
  const fields = [...rows, ...whole.map(name => `${name}: u32`), ...real.map(name => `${name}: f32`)]
  const declarations = windows.map(
    (_, i) => `@group(0) @binding(${i + 1}) var<storage, read_write> buffer${i}: array<f32>;`,
  )
  const names = Object.keys(dispatch.operands).join('|')
  const text = dispatch.text.replace(
    new RegExp(`(?<![\\w.])(${names})\\[`, 'g'),
    (_, name: string) => `buffer${places.get(name)!.window}[call.${offsetName(name)} + `,
  )
  return `${dispatch.rows ? `struct Row { ${row.join(', ')} }\n` : ''}struct Call { ${fields.join(', ')} }
@group(0) @binding(0) var<uniform> call: Call;
${declarations.join('\n')}
${text}`
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
