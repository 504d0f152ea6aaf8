// The table of the vocabulary: of each kernel of kernels.ts its fields, in the order in which programs are encoded. What a
// call must hold (fields.ts), what it reads and writes (operands.ts), its encoding (encode.ts) and the decoder of the native
// backend (native/vocabulary.h, written by scripts/vocabulary.mjs) follow from it.
import type { KernelCall, KernelName, Ref, View } from './kernels.js'

/** `update`: both read and written. `gather`: written, or updated where inputGradient.accumulate says so. */
export type Access = 'read' | 'write' | 'update' | 'gather'

/** Fields of the call, numbers, and `images`, those of the batch: their product. */
export type Count = readonly (string | number)[]

/** `fraction`: 0 .. 1, but not 1. */
type NumberField = { readonly kind: 'number'; readonly fraction?: true }
/** A whole number; `integer` is at most 2^31 - 1. */
type WholeField = { readonly kind: 'whole' | 'integer'; readonly least: 0 | 1 }
type FlagField = { readonly kind: 'flag' }
/** Activations, or, of the type of parameters, `scores`. */
type ViewField = { readonly kind: 'view' | 'scores'; readonly access: Access }
/** `count` numbers. A backend may keep a `weight` in a form of its own instead, where parameters are fixed. */
type RefField = { readonly kind: 'ref' | 'weight'; readonly access: Access; readonly count: Count }
type ObjectField<T = unknown> = { readonly kind: 'object'; readonly fields: FieldsOf<T> }

/** `null`: the field is there, but may be null. `absent`: it may be missing, too. */
type Optional = { readonly without?: 'null' | 'absent' }
type FieldOf<T> = Optional &
  ([T] extends [number]
    ? NumberField | WholeField
    : [T] extends [boolean]
      ? FlagField
      : [T] extends [View]
        ? ViewField
        : [T] extends [Ref]
          ? RefField
          : ObjectField<T>)
type FieldsOf<T> = { readonly [Name in Exclude<keyof T, 'kernel'>]-?: FieldOf<NonNullable<T[Name]>> }

export type Field = Optional & (NumberField | WholeField | FlagField | ViewField | RefField | ObjectField)
export type Fields = Readonly<Record<string, Field>>
/** Of every kernel all fields, none else. */
type Vocabulary = { readonly [Name in KernelName]: FieldsOf<Extract<KernelCall, { kernel: Name }>> }

const number = { kind: 'number' } as const
const whole = { kind: 'whole', least: 0 } as const
const integer = { kind: 'integer', least: 1 } as const
const flag = { kind: 'flag' } as const
const view = (access: Access) => ({ kind: 'view', access }) as const
const scores = (access: Access) => ({ kind: 'scores', access }) as const
const ref = (access: Access, ...count: Count) => ({ kind: 'ref', access, count }) as const
const weight = (...count: Count) => ({ kind: 'weight', access: 'read', count }) as const
const object = <T>(fields: T) => ({ kind: 'object', fields }) as const
const orNull = <T extends object>(field: T) => ({ ...field, without: 'null' }) as const

/** What the kinds `view`, `scores`, `ref` and `weight` are made of. */
export const VIEW: FieldsOf<View> = {
  buffer: whole,
  stride: { kind: 'whole', least: 1 },
  first: whole,
  channels: integer,
  height: integer,
  width: integer,
}
export const REF: FieldsOf<Ref> = { buffer: whole, offset: whole }

const window = { size: integer, stride: integer, padding: { kind: 'integer', least: 0 } } as const
const spread = { size: integer, stride: integer } as const
const averaged = { windowHeight: integer, windowWidth: integer } as const
const norm = object({
  gamma: ref('read', 'input.channels'),
  beta: ref('read', 'input.channels'),
  mean: ref('read', 'input.channels'),
  variance: ref('read', 'input.channels'),
  epsilon: number,
})
const statistics = (access: Access, channels: string) =>
  object({ mean: ref(access, channels), variance: ref(access, channels) })
const dropout = object({ rate: { kind: 'number', fraction: true }, layer: { kind: 'integer', least: 0 } } as const)
const made = 'outputGradient.gradient.channels'
const outputGradient = object({
  gradient: view('read'),
  deferred: orNull(
    object({
      value: view('read'),
      mean: ref('read', made),
      variance: ref('read', made),
      epsilon: number,
      a: ref('read', made),
      b: ref('read', made),
    }),
  ),
})
const inputGradient = object({
  gradient: view('gather'),
  accumulate: flag,
  norm: orNull(
    object({
      gamma: ref('write', 'input.channels'),
      beta: ref('write', 'input.channels'),
      a: ref('gather', 'input.channels'),
      b: ref('gather', 'input.channels'),
    }),
  ),
})
const pooled = {
  input: view('read'),
  norm: orNull(norm),
  output: view('write'),
  statistics: orNull(statistics('write', 'output.channels')),
}
const unpooled = { input: view('read'), norm: orNull(norm), outputGradient, inputGradient }
const loss = {
  smoothing: number,
  classWeights: orNull(ref('read', 'logits.channels')),
  loss: ref('write', 'images'),
  rank: ref('write', 'images'),
  gradient: orNull(scores('write')),
}
const updated = {
  elements: whole,
  weightDecay: number,
  parameters: ref('update', 'elements'),
  gradients: ref('read', 'elements'),
}
const moment = ref('update', 'elements')

export const VOCABULARY: Vocabulary = {
  convolutionForward: {
    ...window,
    input: view('read'),
    norm: orNull(norm),
    weight: weight('output.channels', 'input.channels', 'size', 'size'),
    bias: { ...ref('read', 'output.channels'), without: 'absent' },
    foldedBias: { ...ref('read', 'output.channels'), without: 'absent' },
    output: view('write'),
    statistics: orNull(statistics('write', 'output.channels')),
    dropout: orNull(dropout),
  },
  convolutionBackward: {
    ...window,
    input: view('read'),
    norm: orNull(norm),
    outputGradient,
    weight: weight(made, 'input.channels', 'size', 'size'),
    weightGradient: ref('write', made, 'input.channels', 'size', 'size'),
    biasGradient: { ...ref('write', made), without: 'absent' },
    inputGradient: orNull(inputGradient),
    dropout: orNull(dropout),
  },
  denseLayerForward: {
    input: view('read'),
    norm,
    channels: integer,
    weight: weight('channels', 'input.channels'),
    foldedBias: ref('read', 'channels'),
    growthWeight: weight('output.channels', 'channels', 9),
    output: view('write'),
  },
  quantizedDenseLayerForward: {
    input: view('read'),
    norm,
    inputStep: number,
    channels: integer,
    weight: weight('channels', 'input.channels'),
    scale: ref('read', 'channels'),
    foldedBias: ref('read', 'channels'),
    growthWeight: weight('output.channels', 'channels', 9),
    growthScale: ref('read', 'output.channels'),
    output: view('write'),
  },
  transposedConvolutionForward: {
    ...spread,
    input: view('read'),
    weight: weight('input.channels', 'output.channels', 'size', 'size'),
    bias: ref('read', 'output.channels'),
    output: view('write'),
    statistics: orNull(statistics('write', 'output.channels')),
  },
  transposedConvolutionBackward: {
    ...spread,
    input: view('read'),
    weight: weight('input.channels', made, 'size', 'size'),
    weightGradient: ref('write', 'input.channels', made, 'size', 'size'),
    biasGradient: ref('write', made),
    outputGradient,
    inputGradient: object({ gradient: view('gather'), accumulate: flag }),
  },
  averagePoolForward: { ...averaged, ...pooled },
  averagePoolBackward: { ...averaged, ...unpooled },
  maxPoolForward: { ...window, ...pooled },
  maxPoolBackward: { ...window, ...unpooled },
  linearForward: {
    input: view('read'),
    weight: weight('output.channels', 'input.channels'),
    bias: ref('read', 'output.channels'),
    output: scores('write'),
  },
  linearBackward: {
    input: view('read'),
    weight: weight('outputGradient.channels', 'input.channels'),
    weightGradient: ref('write', 'outputGradient.channels', 'input.channels'),
    biasGradient: ref('write', 'outputGradient.channels'),
    outputGradient: scores('read'),
    inputGradient: view('write'),
  },
  crossEntropy: {
    logits: scores('read'),
    labels: ref('read', 'images'),
    mixed: orNull(object({ labels: ref('read', 'images'), share: ref('read', 'images') })),
    ...loss,
  },
  binaryCrossEntropy: {
    logits: scores('read'),
    labels: orNull(ref('read', 'images')),
    targets: scores('read'),
    ...loss,
  },
  pixelCrossEntropy: {
    logits: view('read'),
    labels: ref('read', 'images', 'logits.height', 'logits.width'),
    classWeights: orNull(ref('read', 'logits.channels')),
    loss: ref('write', 'images'),
    predicted: ref('write', 'images', 'logits.height', 'logits.width'),
    gradient: orNull(view('write')),
  },
  runningStatistics: {
    channels: integer,
    pixels: { kind: 'whole', least: 1 },
    momentum: number,
    statistics: statistics('read', 'channels'),
    runningMean: ref('update', 'channels'),
    runningVariance: ref('update', 'channels'),
  },
  sgd: { ...updated, momentum: number, nesterov: flag, velocity: moment },
  adamW: { ...updated, beta1: number, beta2: number, epsilon: number, firstMoment: moment, secondMoment: moment },
  rmsProp: {
    ...updated,
    alpha: number,
    epsilon: number,
    rooted: flag,
    momentum: number,
    secondMoment: moment,
    velocity: moment,
  },
  clipGradients: { elements: whole, limit: number, gradients: ref('update', 'elements') },
  blend: { elements: whole, source: ref('read', 'elements'), target: ref('update', 'elements') },
  fill: { elements: whole, value: number, target: ref('write', 'elements') },
}

/** A kernel's number is its place here. */
export const KERNEL_NAMES = Object.keys(VOCABULARY) as readonly KernelName[]

export const fieldsOf = ({ kernel }: { readonly kernel: KernelName }): Fields => VOCABULARY[kernel] as Fields
