// The implementations of DenseNet whose names of weights are known, and torchvision's name for each of theirs.
import { DenseNetError } from '../errors.js'
import { layersInOrder, namesByOrder } from './layer-order.js'
import { isAverage, type NameChoice, type WeightChoice, type WeightFile } from './weight-file.js'

type Rules = readonly (readonly [RegExp, string | ((...match: string[]) => string)])[]

export interface Family {
  readonly name: string
  /** Names that all of its networks have, each in one of several spellings, once prefixes are taken off; first those of
   * the first convolution. */
  readonly marks: readonly (readonly string[])[]
  /** In order; all are applied. Where they hang on how many blocks there are: of the network's names. */
  readonly rules: Rules | ((names: readonly string[]) => Rules)
  /** It concatenates [new, old]: channels are in another order than everybody else's. */
  readonly newestFirst?: boolean
  /** On the way up it concatenates [from below, skip]: everybody else's skip comes first. */
  readonly skipsLast?: boolean
}

const layerNumber = (index: string): string => String(Number(index) + 1)

/** `norm.1` was the name before PyTorch forbade dots (torchvision up to 0.2). */
const DOTTED = [/(\.denselayer\d+\.(?:norm|conv))\.(\d)/, '$1$2'] as const
const FINAL = [/^features\.norm_final\./, 'features.norm5.'] as const
/** Of torchvision's `features` alone. */
const BARE = [/^(?:conv0|norm0|norm5|norm_final|denseblock\d+|transition\d+)\./, 'features.$&'] as const
const BARE_STEM = 'conv0.weight'
const TORCHVISION_STEM = [`features.${BARE_STEM}`, BARE_STEM]
const torchvisionLayer = (...spellings: string[]): string[] =>
  spellings.flatMap(name => [`features.denseblock1.denselayer1.${name}`, `denseblock1.denselayer1.${name}`])

/** CIFAR networks of single scripts; `layer` names a dense layer, `one` is what norms and convolutions outside of layers
 * are numbered with. */
const cifar = (layer: RegExp, one: '1' | ''): Rules => [
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
]

/** DenseNets of Chainer; `norm` is what it calls a batch norm. */
const chainer = (norm: string, number: (block: string) => number): Rules => [
  [
    new RegExp(`^dense(\\d+)\\.(${norm}|conv)(\\d+)\\.`),
    (_, block, part, layer) =>
      `features.denseblock${number(block!)}.denselayer${layer}.${part === norm ? 'norm' : 'conv'}1.`,
  ],
  [
    new RegExp(`^trans(\\d+)\\.(${norm}|conv)\\.`),
    (_, block, part) => `features.transition${number(block!)}.${part === norm ? 'norm' : 'conv'}.`,
  ],
  [/^conv\d\./, 'features.conv0.'],
  [new RegExp(`^${norm}\\d\\.`), 'features.norm5.'],
]

/** FC-DenseNets of bfortuner's. */
function tiramisu(names: readonly string[]): Rules {
  const down = new Set(names.flatMap(name => /^denseBlocksDown\.\d+/.exec(name) ?? [])).size
  const layer = (block: number, index: string, part: string): string =>
    `features.denseblock${block}.denselayer${layerNumber(index)}.${part}1.`
  return [
    [/^firstconv\./, 'features.conv0.'],
    [/^denseBlocksDown\.(\d+)\.layers\.(\d+)\.(norm|conv)\./, (_, i, n, part) => layer(Number(i) + 1, n!, part!)],
    [/^bottleneck\.bottleneck\.layers\.(\d+)\.(norm|conv)\./, (_, n, part) => layer(down + 1, n!, part!)],
    [/^denseBlocksUp\.(\d+)\.layers\.(\d+)\.(norm|conv)\./, (_, i, n, part) => layer(Number(i) + down + 2, n!, part!)],
    [/^transDownBlocks\.(\d+)\./, (_, i) => `features.transitiondown${layerNumber(i!)}.`],
    [/^transUpBlocks\.(\d+)\.convTrans\./, (_, i) => `features.transitionup${Number(i) + down + 1}.conv.`],
  ]
}

/** Whose first convolution reads blue, green, red, as OpenCV gives pixels to Caffe. */
export const CAFFE_FAMILY = 'shicai'

export const FAMILIES: readonly Family[] = [
  {
    name: 'MONAI',
    marks: [TORCHVISION_STEM, torchvisionLayer('layers.norm1.weight')],
    rules: [BARE, [/\.layers\./, '.']],
  },
  {
    name: 'gpleiss',
    marks: [
      TORCHVISION_STEM,
      torchvisionLayer('norm1.weight', 'norm.1.weight'),
      ['features.norm_final.weight', 'norm_final.weight'],
    ],
    rules: [BARE, DOTTED, FINAL],
  },
  {
    name: 'torchvision',
    marks: [TORCHVISION_STEM, torchvisionLayer('norm1.weight', 'norm.1.weight')],
    rules: [BARE, DOTTED],
  },
  {
    name: 'andreasveit',
    marks: [['conv1.weight'], ['block1.layer.0.bn1.weight']],
    rules: cifar(/^block(\d+)\.layer\.(\d+)\.(bn|conv)(\d)/, '1'),
  },
  {
    name: 'bamos',
    marks: [['conv1.weight'], ['dense1.0.bn1.weight'], ['bn1.weight']],
    rules: cifar(/^dense(\d+)\.(\d+)\.(bn|conv)(\d)/, '1'),
  },
  {
    name: 'kuangliu',
    marks: [['conv1.weight'], ['dense1.0.bn1.weight'], ['bn.weight']],
    rules: cifar(/^dense(\d+)\.(\d+)\.(bn|conv)(\d)/, ''),
    newestFirst: true,
  },
  {
    name: 'bfortuner',
    marks: [['firstconv.weight'], ['denseBlocksDown.0.layers.0.norm.weight']],
    rules: tiramisu,
    skipsLast: true,
  },
  {
    // Converted from the original's by shicai for Caffe; MXNet's (miraclewkf) and Keras's (flyyufelix) came of it.
    name: CAFFE_FAMILY,
    marks: [['conv1.weight'], ['conv2_1_x1.weight', 'conv2_1/x1.weight']],
    rules: [
      [/^conv1\./, 'features.conv0.'],
      [/^conv1[_/]bn\./, 'features.norm0.'],
      [
        /^conv(\d+)_(\d+)[_/]x([12])([_/]bn)?\./,
        (_, block, layer, n, norm) =>
          `features.denseblock${Number(block) - 1}.denselayer${layer}.${norm ? 'norm' : 'conv'}${n}.`,
      ],
      [/^conv5(_\d+)?[_/]blk[_/]bn\./, 'features.norm5.'],
      [
        /^conv(\d+)(?:_\d+)?[_/]blk([_/]bn)?\./,
        (_, block, norm) => `features.transition${Number(block) - 1}.${norm ? 'norm' : 'conv'}.`,
      ],
    ],
  },
  {
    name: 'yasunorikudo',
    marks: [['conv1.weight'], ['dense2.bn1.weight']],
    rules: chainer('bn', (block: string) => Number(block) - 1),
  },
  {
    name: 't-hanya',
    marks: [['conv0.weight'], ['dense1.norm1.weight']],
    rules: chainer('norm', Number),
  },
  {
    name: 'Keras',
    marks: [['conv1_conv.weight', 'conv1/conv.weight'], ['conv2_block1_0_bn.weight']],
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
    ],
  },
]

export interface Names {
  readonly family: string
  /** What stood before all names of the network, such as `module.` */
  readonly prefix: string
  readonly newestFirst: boolean
  readonly skipsLast: boolean
  /** torchvision's name for the file's; of everything behind the last batch norm the file's own. */
  readonly canonical: (name: string) => string
  /** Other networks in the file: how their names begin, and how this one's begin beside them. */
  readonly others: readonly { readonly root: string; readonly own: string }[]
  /** Which of several weights these are; null: the file's names do not tell of averages. */
  readonly weights: WeightChoice | null
}

/** Whose names the tensors of a file have, and how they become torchvision's; null when they are nobody's that is known.
 * `choice`: of averaged and raw weights; default: averaged. */
export function namesOf(file: WeightFile, choice: WeightChoice | undefined, names: NameChoice = 'known'): Names | null {
  const all = networksIn(file.tensors)
  const wanted = all.filter(({ averaged }) => averaged === (choice !== 'raw'))
  const candidates = wanted.length > 0 ? wanted : all
  const [found] = candidates
  if (found === undefined) return byOrder(file, file.layers) ?? (names === 'known' ? null : asked(file, names))
  if (candidates.length > 1) {
    throw new DenseNetError(
      `${file.path} holds several networks, under ${candidates.map(({ prefix }) => prefix || 'no prefix').join(' and ')}`,
      { hint: 'save the one that is meant in a file of its own' },
    )
  }
  const { family, prefix, averaged } = found
  const { name, newestFirst = false, skipsLast = false } = family
  const rules = typeof family.rules === 'function' ? family.rules(namesBehind(prefix, file.tensors)) : family.rules
  const canonical = (text: string): string => {
    if (!text.startsWith(prefix)) return text
    const renamed = applied(rules, text.slice(prefix.length))
    return renamed.startsWith('features.') ? renamed : text
  }
  const others = all
    .filter(one => one !== found)
    .map(one => ({ root: rootOf(one.prefix, prefix), own: rootOf(prefix, one.prefix) }))
  const weights = averaged ? 'average' : all.length > 1 ? 'raw' : null
  return { family: name, prefix, newestFirst, skipsLast, canonical, others, weights }
}

const namesBehind = (prefix: string, tensors: WeightFile['tensors']): string[] =>
  [...tensors.keys()].filter(name => name.startsWith(prefix)).map(name => name.slice(prefix.length))

interface FoundNetwork {
  readonly family: Family
  readonly prefix: string
  readonly averaged: boolean
}

/** Every network whose names are known. */
function networksIn(tensors: WeightFile['tensors']): FoundNetwork[] {
  const found = new Map<string, FoundNetwork>()
  for (const name of tensors.keys()) {
    for (const family of FAMILIES) {
      const stem = family.marks[0]!.find(one => name === one || name.endsWith(`.${one}`))
      if (stem === undefined) continue
      const prefix = name.slice(0, name.length - stem.length)
      if (stem === BARE_STEM && /(^|\.)features\.$/.test(prefix)) continue
      if (found.has(prefix) || !family.marks.every(spellings => spellings.some(one => tensors.has(prefix + one))))
        continue
      const averaged = isAverage(prefix) || tensors.has(`${prefix.replace(/module\.$/, '')}n_averaged`)
      found.set(prefix, { family, prefix, averaged })
    }
  }
  return [...found.values()]
}

/** The beginning that tells a network's names from those of another: `ema.` of `ema.module.` and `model.` */
function rootOf(prefix: string, other: string): string {
  if (prefix === '') return ''
  const [parts, others] = [prefix.split('.'), other.split('.')]
  const same = parts.findIndex((part, i) => part !== others[i])
  return parts
    .slice(0, same + 1)
    .map(part => `${part}.`)
    .join('')
}

/** By the order of tensors, for names of nobody; a sentence when that makes no DenseNet. */
function asked(file: WeightFile, choice: NameChoice): Names {
  const layers = layersInOrder(file)
  const refused = (why: string): DenseNetError =>
    new DenseNetError(`${file.path} cannot be read by the order of its tensors: ${why}`)
  if (typeof layers === 'string') throw refused(layers)
  const names = byOrder(file, layers)
  if (names === null) throw refused("its convolutions and batch norms are not in a DenseNet's order")
  return { ...names, family: BY_ORDER, newestFirst: choice === 'by-order-newest-first' }
}

export const BY_ORDER = 'order of tensors'

function byOrder(file: WeightFile, layers: WeightFile['layers']): Names | null {
  const names = layers && namesByOrder(layers, file.tensors)
  if (!names) return null
  const canonical = (text: string): string => {
    const dot = text.lastIndexOf('.')
    const layer = names.get(text.slice(0, dot))
    return layer === undefined ? text : layer + text.slice(dot)
  }
  const order = { newestFirst: false, skipsLast: false }
  return { family: 'order of layers', prefix: '', ...order, canonical, others: [], weights: null }
}

const applied = (rules: Rules, name: string): string =>
  rules.reduce((text, [from, to]) => text.replace(from, to as string), name)
