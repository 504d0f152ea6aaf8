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

/** What programs of mode `infer` want instead of the parameters as they are: the weights before folded norms, and in place of
 * those norms' beta the bias. Piece by piece: networks are large. */
export function* foldedPieces(architecture: Architecture, parameters: Numbers, running: Numbers): Generator<Piece> {
  const table = parameterTable(architecture)
  const entries = new Map([...table.parameters, ...table.running].map(entry => [entry.name, entry]))
  const of = (name: string, values: Numbers): Numbers => {
    const { offset, count } = entries.get(name)!
    return values.subarray(offset, offset + count)
  }
  const norms = architecture.layers.flatMap(({ parts }) => foldableNorms(parts))
  const room = parameters.slice(0, Math.max(0, ...norms.map(([{ name }]) => entries.get(`${name}.weight`)!.count)))
  for (const [convolution, norm] of norms) {
    const given = of(`${convolution.name}.weight`, parameters)
    const weight = room.subarray(0, given.length)
    weight.set(given)
    const bias = of(`${norm.name}.bias`, parameters).slice()
    const gamma = of(`${norm.name}.weight`, parameters)
    const mean = of(`${norm.name}.running_mean`, running)
    const variance = of(`${norm.name}.running_var`, running)
    const each = weight.length / bias.length
    for (let o = 0; o < bias.length; o++) {
      const scale = gamma[o]! / Math.sqrt(variance[o]! + architecture.config.bnEpsilon)
      bias[o]! -= scale * mean[o]!
      for (let i = o * each; i < (o + 1) * each; i++) weight[i]! *= scale
    }
    yield { offset: entries.get(`${convolution.name}.weight`)!.offset, values: weight }
    yield { offset: entries.get(`${norm.name}.bias`)!.offset, values: bias }
  }
}
