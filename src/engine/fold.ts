// Inference: a batch norm and ReLU that follow a convolution are folded into it. With s = gamma / sqrt(variance + epsilon),
//   gamma (y - mean) / sqrt(variance + epsilon) + beta = s y + (beta - s mean),
// so its weights are scaled by s, and a bias is added. Norms before convolutions cannot be: there is a ReLU in between.
import type { Architecture } from '../model/architecture.js'
import { parameterTable } from '../model/parameters.js'
import { foldableNorms } from '../model/parts.js'
import type { Numbers } from './backend.js'

/** Values of parameters from `offset` on; valid until the next piece is asked for. */
export interface Piece {
  readonly offset: number
  readonly values: Numbers
}

/** Of parameters and running statistics, by its name: where it begins, and its values. */
export function tensorsOf(architecture: Architecture, parameters: Numbers, running: Numbers): (name: string) => Piece {
  const table = parameterTable(architecture)
  const entries = new Map([
    ...table.parameters.map(entry => [entry.name, { ...entry, all: parameters }] as const),
    ...table.running.map(entry => [entry.name, { ...entry, all: running }] as const),
  ])
  return name => {
    const { offset, count, all } = entries.get(name)!
    return { offset, values: all.subarray(offset, offset + count) }
  }
}

/** A batch norm by its running statistics: scale * x + shift. */
export function affineOf(
  { config: { bnEpsilon } }: Architecture,
  tensor: (name: string) => Piece,
  norm: string,
): { scale: Float64Array; shift: Float64Array } {
  const of = (field: string): Numbers => tensor(`${norm}.${field}`).values
  const [beta, mean, variance] = [of('bias'), of('running_mean'), of('running_var')]
  const scale = Float64Array.from(of('weight'), (gamma, c) => gamma / Math.sqrt(variance[c]! + bnEpsilon))
  return { scale, shift: scale.map((s, c) => beta[c]! - s * mean[c]!) }
}

/** What programs of mode `infer` want instead of the parameters as they are: the weights before folded norms, and in place of
 * those norms' beta the bias. Piece by piece: networks are large. */
export function* foldedPieces(architecture: Architecture, parameters: Numbers, running: Numbers): Generator<Piece> {
  const tensor = tensorsOf(architecture, parameters, running)
  const norms = architecture.layers.flatMap(({ parts }) => foldableNorms(parts))
  const lengths = norms.map(([{ name }]) => tensor(`${name}.weight`).values.length)
  const room = parameters.slice(0, Math.max(0, ...lengths))
  for (const [convolution, norm] of norms) {
    const given = tensor(`${convolution.name}.weight`)
    const weight = room.subarray(0, given.values.length)
    weight.set(given.values)
    const { scale, shift } = affineOf(architecture, tensor, norm.name)
    const each = weight.length / scale.length
    for (const [o, s] of scale.entries()) for (let i = o * each; i < (o + 1) * each; i++) weight[i]! *= s
    const beta = tensor(`${norm.name}.bias`)
    const bias = beta.values.slice()
    bias.set(shift)
    yield { offset: given.offset, values: weight }
    yield { offset: beta.offset, values: bias }
  }
}
