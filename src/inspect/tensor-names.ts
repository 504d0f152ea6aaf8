// Which tensors of a network are meant: by patterns, or those that are looked at when nothing is said.
import { usageError } from '../errors.js'
import { fitting } from '../util/patterns.js'

/** The weights of convolutions and of the classifier: nearly all numbers of a network. */
export const isConvolution = (name: string): boolean => /conv\d?\.weight$/.test(name) || name === 'classifier.weight'

/** Those that some pattern fits, in their order. Refuses a pattern that fits none. */
export function chosenTensors<T extends { readonly name: string }>(
  tensors: readonly T[],
  patterns: readonly string[],
): T[] {
  const names = tensors.map(({ name }) => name)
  const chosen = new Set(
    patterns.flatMap(pattern => {
      const found = fitting(names, pattern)
      if (found.length > 0) return found
      throw usageError(
        `no tensor is called ${JSON.stringify(pattern)}`,
        `names are such as ${names[0]} and ${names.at(-1)}; * stands for anything, as in features.denseblock1.*`,
      )
    }),
  )
  return tensors.filter(({ name }) => chosen.has(name))
}
