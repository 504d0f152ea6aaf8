// Names in data sets: of classes, and of splits as people call them.

/** What images are for. */
export type SplitName = 'train' | 'validation' | 'test'

const SPLITS: Readonly<Record<SplitName, readonly string[]>> = {
  train: ['train', 'training'],
  validation: ['val', 'valid', 'validation'],
  test: ['test', 'testing'],
}

/** All names of splits, for messages. */
export const SPLIT_NAMES: readonly string[] = Object.values(SPLITS).flat()

/** What a folder or a row so called is for, in any case, also as `test_set`; undefined: it is no name of a split. */
export function splitNamed(name: string): SplitName | undefined {
  const plain = name.toLowerCase().replace(/[-_ ]set$/, '')
  return (Object.keys(SPLITS) as SplitName[]).find(split => SPLITS[split].includes(plain))
}

/** Python's order of strings, which is torchvision's of classes; JavaScript's own is that of UTF-16. */
export function byCodePoint(a: string, b: string): number {
  const [x, y] = [Array.from(a), Array.from(b)]
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const difference = x[i]!.codePointAt(0)! - y[i]!.codePointAt(0)!
    if (difference !== 0) return difference
  }
  return x.length - y.length
}

/** The numbers of classes by their names in NFC: file systems and programs write the same accents differently. */
export const classNumbers = (names: readonly string[]): Map<string, number> =>
  new Map(names.map((name, label) => [name.normalize('NFC'), label]))
