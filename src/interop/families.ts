// The implementations of DenseNet whose names of weights are known, and torchvision's name for each of theirs.
import { namesByOrder } from './layer-order.js'
import type { WeightFile } from './weight-file.js'

export interface Family {
  readonly name: string
  /** A name that only this family has, once prefixes are taken off. */
  readonly mark: RegExp
  /** In order; all are applied. */
  readonly rules: readonly (readonly [RegExp, string | ((...match: string[]) => string)])[]
  /** It concatenates [new, old]: channels are in another order than everybody else's. */
  readonly newestFirst?: boolean
}

const layerNumber = (index: string): string => String(Number(index) + 1)

/** `norm.1` was the name before PyTorch forbade dots (torchvision up to 0.2). */
const DOTTED = [/(\.denselayer\d+\.(?:norm|conv))\.(\d)/, '$1$2'] as const
const FINAL = [/^features\.norm_final\./, 'features.norm5.'] as const
/** CheXNet and others put a sigmoid behind the classifier. */
const WRAPPED = [/^classifier\.0\./, 'classifier.'] as const

/** CIFAR networks of single scripts; `layer` names a dense layer, `one` is what norms and convolutions outside of layers
 * are numbered with. */
const cifar = (layer: RegExp, one: '1' | '', classifier: string): Family['rules'] => [
  [
    layer,
    (_, block, index, part, n) => {
      return `features.denseblock${block}.denselayer${layerNumber(index!)}.${part === 'bn' ? 'norm' : 'conv'}${n}`
    },
  ],
  [new RegExp(`^trans(\\d+)\\.bn${one}\\.`), 'features.transition$1.norm.'],
  [new RegExp(`^trans(\\d+)\\.conv${one}\\.`), 'features.transition$1.conv.'],
  [/^conv1\./, 'features.conv0.'],
  [new RegExp(`^bn${one}\\.`), 'features.norm5.'],
  [new RegExp(`^${classifier}\\.`), 'classifier.'],
]

export const FAMILIES: readonly Family[] = [
  {
    name: 'MONAI',
    mark: /^features\.denseblock1\.denselayer1\.layers\./,
    rules: [
      [/\.layers\./, '.'],
      [/^class_layers\.out\./, 'classifier.'],
    ],
  },
  { name: 'gpleiss', mark: /^features\.norm_final\./, rules: [DOTTED, FINAL] },
  { name: 'torchvision', mark: /^features\.denseblock1\.denselayer1\.norm\.?1\./, rules: [DOTTED, WRAPPED] },
  {
    name: 'andreasveit',
    mark: /^block1\.layer\.0\.bn1\./,
    rules: cifar(/^block(\d+)\.layer\.(\d+)\.(bn|conv)(\d)/, '1', 'fc'),
  },
  { name: 'bamos', mark: /^fc\./, rules: cifar(/^dense(\d+)\.(\d+)\.(bn|conv)(\d)/, '1', 'fc') },
  {
    name: 'kuangliu',
    mark: /^linear\./,
    rules: cifar(/^dense(\d+)\.(\d+)\.(bn|conv)(\d)/, '', 'linear'),
    newestFirst: true,
  },
  {
    name: 'Keras',
    mark: /^conv2_block1_0_bn\./,
    rules: [
      [/^conv1[_/]conv\./, 'features.conv0.'],
      [/^conv1[_/]bn\./, 'features.norm0.'],
      [
        /^conv(\d+)_block(\d+)_([012])_(bn|conv)\./,
        (_, block, layer, n, part) => {
          const number = part === 'bn' ? Number(n) + 1 : n
          return `features.denseblock${Number(block) - 1}.denselayer${layer}.${part === 'bn' ? 'norm' : 'conv'}${number}.`
        },
      ],
      [
        /^pool(\d+)_(bn|conv)\./,
        (_, n, part) => `features.transition${Number(n) - 1}.${part === 'bn' ? 'norm' : 'conv'}.`,
      ],
      [/^bn\./, 'features.norm5.'],
      [/^(predictions|dense(_\d+)?|fc\d*)\./, 'classifier.'],
    ],
  },
]

export interface Names {
  readonly family: string
  /** What stood before all names, such as `module.` */
  readonly prefix: string
  readonly newestFirst: boolean
  /** torchvision's name for the file's. */
  readonly canonical: (name: string) => string
}

/** How the names of a file become torchvision's; null when they are nobody's that is known. */
export function namesOf(file: WeightFile): Names | null {
  let names = [...file.tensors.keys()]
  let prefix = ''
  for (;;) {
    const here = names
    const family = FAMILIES.find(one => here.some(name => one.mark.test(name)) && isDenseNet(one, here))
    if (family) {
      const { name, rules, newestFirst = false } = family
      const length = prefix.length
      return { family: name, prefix, newestFirst, canonical: text => applied(rules, text.slice(length)) }
    }
    const first = names[0]?.match(/^[^.]+\./)?.[0]
    if (first === undefined || !names.every(name => name.startsWith(first))) break
    prefix += first
    names = names.map(name => name.slice(first.length))
  }
  const byOrder = file.layers && namesByOrder(file.layers, file.tensors)
  if (!byOrder) return null
  const canonical = (text: string): string => {
    const dot = text.lastIndexOf('.')
    const layer = byOrder.get(text.slice(0, dot))
    return layer === undefined ? text : layer + text.slice(dot)
  }
  return { family: 'order of layers', prefix: '', newestFirst: false, canonical }
}

/** A mark alone may be anybody's: `fc.weight` is. */
const isDenseNet = ({ rules }: Family, names: readonly string[]): boolean =>
  names.some(name => applied(rules, name) === 'features.conv0.weight') &&
  names.some(name => applied(rules, name) === 'features.denseblock1.denselayer1.norm1.weight')

const applied = (rules: Family['rules'], name: string): string =>
  rules.reduce((text, [from, to]) => text.replace(from, to as string), name)
