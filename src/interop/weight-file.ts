// What a file of weights holds, whatever its format: tensors by the names it gives them, in the layout of torchvision
// (convolutions [out][in][height][width], classifiers [out][in]; `.weight`, `.bias`, `.running_mean`, `.running_var`).
import type { CeilPools } from '../model/config.js'
import type { Tensor } from './tensor.js'

/** A format that is read; told by a file's content, not by its name. */
export type WeightFormat =
  | 'safetensors'
  | 'PyTorch'
  | 'PyTorch (old)'
  | 'Torch7'
  | 'Keras'
  | 'Caffe'
  | 'MXNet'
  | 'Chainer'
  | 'Lasagne'

/** Both kinds of weights, the usual one first. */
export const weightChoices = ['average', 'raw'] as const
/** Averages of the weights over training (EMA, SWA), or those of its last step. */
export type WeightChoice = (typeof weightChoices)[number]

/** All ways of reading unknown names, the usual one first. */
export const nameChoices = ['known', 'by-order', 'by-order-newest-first'] as const
/** What names of tensors that nobody is known to use are taken for: nothing, or their place in the file. `newest-first`: of
 * networks that concatenate torch.cat([new, old]). */
export type NameChoice = (typeof nameChoices)[number]

/** Orders of the colours that a first convolution reads. */
export const colourOrders = ['rgb', 'bgr'] as const
/** One of `colourOrders`. */
export type ColourOrder = (typeof colourOrders)[number]

/** Whether a name says that what it names are averages: state_dict_ema, ema_model, swa. */
export const isAverage = (name: string): boolean => /(^|[._])(ema|swa|avg|averaged?)([._]|$)/i.test(name)

/** A layer with weights; its tensors are called `<name>.weight` and so on. */
export interface LayerInFile {
  readonly name: string
  readonly kind: 'convolution' | 'norm' | 'linear'
}

/** What a file tells of its network beside the tensors. */
export interface FileFacts {
  /** Layers concatenate [new, old]. */
  readonly newestFirst?: boolean
  readonly ceilPools?: CeilPools
  /** On the 0..255 scale, for the channels as the file has them, or one number for all; null: it is somewhere else. */
  readonly normalisation?: { readonly mean: readonly number[]; readonly deviation: readonly number[] } | null
  /** Sentences about what it does not tell. */
  readonly assumed?: readonly string[]
}

/** The tensors of a file of any known format, before they are understood as a network. */
export interface WeightFile {
  readonly path: string
  readonly format: WeightFormat
  readonly tensors: ReadonlyMap<string, Tensor>
  /** Where in the file they were, such as `state_dict`; empty: they are the file. */
  readonly within: string
  /** In the order of construction, when the file tells it. */
  readonly layers: readonly LayerInFile[] | null
  /** Of the batch norms, when the file or its format tells it. */
  readonly bnEpsilon: number | null
  readonly facts?: FileFacts | undefined
  /** Where a file has averaged and raw weights at different places: which these are, and where the others are. */
  readonly choice?: { readonly weights: WeightChoice; readonly others: string | null } | undefined
}
