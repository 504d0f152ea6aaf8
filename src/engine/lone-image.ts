// Batch norm over one value. In training it normalises by the batch's own statistics: of one image whose maps are 1 x 1
// that is one value a channel, whose variance is 0 whatever it is, so nothing of the image gets through and the running
// variance decays. PyTorch refuses it ("Expected more than 1 value per channel when training"), and so is it here.
import type { Architecture } from '../model/architecture.js'
import { partsOf } from '../model/parts.js'

/** Names of the batch norms that have one value a channel of an image, and take its statistics: not those in `frozen`. */
export function normsOfOneValue({ layers }: Architecture, frozen: ReadonlySet<string> = new Set()): string[] {
  return layers
    .flatMap(({ parts }) => partsOf(parts, 'norm'))
    .filter(({ input }) => input.height * input.width === 1)
    .map(({ name }) => name)
    .filter(name => !(frozen.has(`${name}.weight`) && frozen.has(`${name}.bias`)))
}

/** Why such a network cannot be trained on one image at a time. */
export const loneImageProblem = (norms: readonly string[]): string =>
  `batch norm has no variance of one image alone whose maps are 1 x 1 pixel, as those that ${norms.at(-1)} reads`
