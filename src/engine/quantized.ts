// What programs of mode `infer` want of layers in int8 instead of parameters and statistics as they are: whole weights, and in places
// of the folded norm, which nothing else reads, its bias and the scales of both convolutions' sums.
import type { Architecture } from '../model/architecture.js'
import { type Quantization, quantizedLayers, wholeWeights } from '../model/quantization.js'
import type { Numbers } from './backend.js'
import { affineOf, type Piece, tensorsOf } from './fold.js'

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
  const tensor = tensorsOf(architecture, parameters, running)
  const piece = (role: QuantizedPiece['role'], name: string, wholes: ArrayLike<number>): QuantizedPiece => {
    return { role, offset: tensor(name).offset, values: Float32Array.from(wholes) }
  }
  for (const { inputStep, betweenStep, norms, convolutions } of quantizedLayers(architecture, quantization)) {
    const [bottleneck, growth] = convolutions.map(({ name, output }) => ({
      name: `${name}.weight`,
      ...wholeWeights(tensor(`${name}.weight`).values, output.channels),
    })) as [Whole, Whole]
    const { name } = norms[1]
    const norm = affineOf(architecture, tensor, name)
    const scale = norm.scale.map((s, b) => (s * bottleneck.scales[b]! * inputStep) / betweenStep)
    const bias = norm.shift.map(shift => shift / betweenStep)
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
