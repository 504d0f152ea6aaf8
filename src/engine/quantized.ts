// What programs of mode `infer` want of layers in int8 instead of parameters and statistics as they are: whole weights, and in places
// of the folded norm, which nothing else reads, its bias and the scales of both convolutions' sums.
import type { Architecture } from '../model/architecture.js'
import { parameterTable } from '../model/parameters.js'
import { type Quantization, quantizedLayers, wholeWeights } from '../model/quantization.js'
import type { Numbers } from './backend.js'
import type { Piece } from './fold.js'

export interface QuantizedPiece extends Piece {
  readonly role: 'parameters' | 'running'
}

/** Layer by layer. With s = gamma / sqrt(variance + epsilon) of the folded norm, and steps i and b, y counted in b is
 * (s scale i / b) sum + (beta - s mean) / b, and the output growthScale b times its sum. */
export function* quantizedPieces(
  architecture: Architecture,
  parameters: Numbers,
  running: Numbers,
  quantization: Quantization,
): Generator<QuantizedPiece> {
  const table = parameterTable(architecture)
  const entries = new Map([...table.parameters, ...table.running].map(entry => [entry.name, entry]))
  const of = (name: string, values: Numbers): Numbers => {
    const { offset, count } = entries.get(name)!
    return values.subarray(offset, offset + count)
  }
  const piece = (role: QuantizedPiece['role'], name: string, wholes: ArrayLike<number>): QuantizedPiece => {
    return { role, offset: entries.get(name)!.offset, values: Float32Array.from(wholes) }
  }
  for (const { inputStep, betweenStep, norms, convolutions } of quantizedLayers(architecture, quantization)) {
    const [bottleneck, growth] = convolutions.map(({ name, output }) => ({
      name: `${name}.weight`,
      ...wholeWeights(of(`${name}.weight`, parameters), output.channels),
    })) as [Whole, Whole]
    const { name } = norms[1]
    const gamma = of(`${name}.weight`, parameters)
    const variance = of(`${name}.running_var`, running)
    const mean = of(`${name}.running_mean`, running)
    const beta = of(`${name}.bias`, parameters)
    const norm = Float64Array.from(gamma, (g, b) => g / Math.sqrt(variance[b]! + architecture.config.bnEpsilon))
    const scale = norm.map((s, b) => (s * bottleneck.scales[b]! * inputStep) / betweenStep)
    const bias = norm.map((s, b) => (beta[b]! - s * mean[b]!) / betweenStep)
    yield piece('parameters', bottleneck.name, bottleneck.wholes)
    yield piece('parameters', growth.name, growth.wholes)
    yield piece('parameters', `${name}.weight`, scale)
    yield piece('parameters', `${name}.bias`, bias)
    yield piece(
      'running',
      `${name}.running_mean`,
      growth.scales.map(s => s * betweenStep),
    )
  }
}

type Whole = ReturnType<typeof wholeWeights> & { readonly name: string }
