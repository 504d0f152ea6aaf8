// What every backend must compute as the reference does: each kernel on the shapes that DenseNets have, odd ones above
// all. Inputs keep ReLU's pre-activations 1e-3 away from its kink and pooled values either equal or clearly different,
// so that rounding never flips a mask or a winner.
import type { RunArguments } from '../../dist/engine/backend.js'
import type {
  ConvolutionForward,
  Dropout,
  InputGradient,
  KernelCall,
  KernelName,
  Norm,
  OutputGradient,
  Ref,
  Statistics,
  View,
} from '../../dist/engine/kernels.js'
import type { BufferSpec } from '../../dist/engine/program.js'
import { type RandomStream, randomStream } from '../../dist/util/random.js'
import { type ConformanceCase, makeProgram, outputsOf, type Tolerance } from './harness.js'

/** About three times the largest errors seen. */
const TOLERANCE: Record<KernelName, Tolerance> = {
  convolutionForward: { many: 7e-6, few: 1.7e-5 },
  convolutionBackward: { many: 8e-6, few: 8e-5 },
  denseLayerForward: { many: 8e-6, few: 1e-6 },
  quantizedDenseLayerForward: { many: 0, few: 0 },
  averagePoolForward: { many: 7e-7, few: 3e-6 },
  averagePoolBackward: { many: 7e-7, few: 8e-6 },
  maxPoolForward: { many: 6e-7, few: 1.7e-6 },
  maxPoolBackward: { many: 6e-7, few: 8e-6 },
  transposedConvolutionForward: { many: 1e-6, few: 5e-7 },
  transposedConvolutionBackward: { many: 3.5e-6, few: 2e-6 },
  linearForward: { many: 1.5e-6, few: 1.5e-6 },
  linearBackward: { many: 1.5e-6, few: 8e-6 },
  crossEntropy: { many: 2e-7, few: 2e-7 },
  binaryCrossEntropy: { many: 2e-7, few: 2e-7 },
  pixelCrossEntropy: { many: 4e-7, few: 2e-7 },
  runningStatistics: { many: 2e-7, few: 2e-7 },
  sgd: { many: 2.5e-7, few: 2.5e-7 },
  adamW: { many: 4e-7, few: 4e-7 },
  rmsProp: { many: 4e-7, few: 4e-7 },
  clipGradients: { many: 2e-7, few: 2e-7 },
  blend: { many: 2e-7, few: 2e-7 },
  fill: { many: 0, few: 0 },
}

/** What all kernels on activations have in common. */
interface Row {
  readonly batch: number
  readonly height: number
  readonly width: number
  readonly norm?: boolean
  readonly statistics?: boolean
  readonly deferred?: boolean
  readonly accumulate?: boolean
  /** Views are windows in wider buffers. */
  readonly window?: boolean
  /** Mean of the input's channels; the deviation is then 0.5. */
  readonly mean?: number
  /** Deviation of the input's channels, if another. */
  readonly deviation?: number
  /** Some channels are 256 times smaller than others. */
  readonly weak?: boolean
  /** Images that the program could hold beyond `batch`. */
  readonly spare?: number
}

interface ConvolutionRow extends Row {
  readonly size: number
  /** Default: 2 for size 7, otherwise 1. */
  readonly stride?: number
  /** Default: half the size. */
  readonly padding?: number
  /** Whether the gradient of the input is wanted. Default: unless it is an image, which has no norm and is read by more than 1x1. */
  readonly wanted?: boolean
  readonly inputs: number
  readonly outputs: number
  readonly dropRate?: number
  /** A norm and ReLU that follow are folded in. */
  readonly folded?: boolean
  readonly biased?: boolean
  /** Weights around 0.3 instead of 0: the output's mean is then large against its deviation. */
  readonly positiveWeights?: boolean
}

interface PoolRow extends Row {
  readonly channels: number
  /** Pixels left over make windows, too. */
  readonly ceil?: boolean
  /** Of max pools: windows side by side. */
  readonly pairs?: boolean
}

const CONVOLUTIONS: readonly ConvolutionRow[] = [
  // The CIFAR stem, and the ImageNet stem.
  { size: 3, inputs: 3, outputs: 16, batch: 3, height: 8, width: 8, statistics: true, deferred: true, window: true },
  { size: 3, inputs: 3, outputs: 24, batch: 2, height: 32, width: 32, statistics: true, deferred: true },
  { size: 3, inputs: 1, outputs: 1, batch: 1, height: 5, width: 4, statistics: true, deferred: true },
  { size: 7, inputs: 3, outputs: 16, batch: 2, height: 24, width: 20, statistics: true, deferred: true },
  { size: 7, inputs: 3, outputs: 64, batch: 1, height: 33, width: 31, statistics: true, deferred: true, spare: 1 },
  { size: 7, inputs: 1, outputs: 5, batch: 3, height: 7, width: 9, statistics: true, deferred: true },
  { size: 7, inputs: 3, outputs: 10, batch: 1, height: 1, width: 2, statistics: true, deferred: true },
  { size: 7, inputs: 4, outputs: 96, batch: 1, height: 14, width: 15 },
  // Bottlenecks: k = 12, 32, 48, 5, 1.
  { size: 1, inputs: 24, outputs: 48, batch: 8, height: 8, width: 8, norm: true, statistics: true, deferred: true },
  {
    size: 1,
    inputs: 37,
    outputs: 128,
    batch: 3,
    height: 7,
    width: 7,
    norm: true,
    statistics: true,
    deferred: true,
    accumulate: true,
    window: true,
    mean: 3,
  },
  {
    size: 1,
    inputs: 101,
    outputs: 192,
    batch: 1,
    height: 6,
    width: 5,
    norm: true,
    statistics: true,
    deferred: true,
    accumulate: true,
    window: true,
    dropRate: 0.2,
  },
  { size: 1, inputs: 23, outputs: 20, batch: 17, height: 3, width: 5, norm: true, deferred: true, accumulate: true },
  { size: 1, inputs: 17, outputs: 4, batch: 3, height: 32, width: 32, norm: true, statistics: true, deferred: true },
  { size: 1, inputs: 3, outputs: 4, batch: 1, height: 1, width: 1, norm: true, deferred: true, window: true },
  { size: 1, inputs: 1, outputs: 1, batch: 1, height: 1, width: 1, norm: true, accumulate: true },
  { size: 1, inputs: 300, outputs: 48, batch: 2, height: 4, width: 4, norm: true, statistics: true, deferred: true },
  {
    size: 1,
    inputs: 64,
    outputs: 128,
    batch: 1,
    height: 14,
    width: 14,
    norm: true,
    statistics: true,
    mean: 3,
    positiveWeights: true,
    deferred: true,
    accumulate: true,
  },
  {
    size: 1,
    inputs: 40,
    outputs: 48,
    batch: 2,
    height: 16,
    width: 16,
    norm: true,
    statistics: true,
    dropRate: 0.5,
    deferred: true,
    accumulate: true,
    window: true,
    spare: 2,
  },
  // Variances so small that epsilon counts.
  { size: 1, inputs: 9, outputs: 20, batch: 3, height: 5, width: 4, norm: true, deviation: 0.005 },
  { size: 3, inputs: 6, outputs: 5, batch: 2, height: 4, width: 7, norm: true, deviation: 0.005, accumulate: true },
  // Transitions: without norm after the pool, with norm and dropout before it.
  { size: 1, inputs: 60, outputs: 30, batch: 3, height: 16, width: 16, statistics: true, deferred: true },
  { size: 1, inputs: 37, outputs: 18, batch: 8, height: 3, width: 4, statistics: true, deferred: true, window: true },
  { size: 1, inputs: 25, outputs: 12, batch: 1, height: 1, width: 1, accumulate: true },
  { size: 1, inputs: 33, outputs: 33, batch: 3, height: 8, width: 7, norm: true, dropRate: 0.2 },
  // Growth layers: k = 12, 32, 48, 5, 1, behind a bottleneck (read as a whole) and plain (read in the block).
  {
    size: 3,
    inputs: 48,
    outputs: 12,
    batch: 3,
    height: 8,
    width: 8,
    norm: true,
    statistics: true,
    deferred: true,
    window: true,
  },
  { size: 3, inputs: 48, outputs: 12, batch: 1, height: 32, width: 32, norm: true, statistics: true, deferred: true },
  {
    size: 3,
    inputs: 128,
    outputs: 32,
    batch: 2,
    height: 7,
    width: 7,
    norm: true,
    statistics: true,
    deferred: true,
    window: true,
    mean: 3,
  },
  {
    size: 3,
    inputs: 192,
    outputs: 48,
    batch: 1,
    height: 5,
    width: 6,
    norm: true,
    statistics: true,
    deferred: true,
    dropRate: 0.2,
  },
  {
    size: 3,
    inputs: 20,
    outputs: 5,
    batch: 17,
    height: 4,
    width: 3,
    norm: true,
    statistics: true,
    deferred: true,
    window: true,
  },
  { size: 3, inputs: 4, outputs: 1, batch: 8, height: 9, width: 5, norm: true, statistics: true, deferred: true },
  {
    size: 3,
    inputs: 23,
    outputs: 12,
    batch: 3,
    height: 13,
    width: 17,
    norm: true,
    statistics: true,
    deferred: true,
    accumulate: true,
    window: true,
    dropRate: 0.2,
    spare: 1,
  },
  {
    size: 3,
    inputs: 101,
    outputs: 24,
    batch: 1,
    height: 2,
    width: 31,
    norm: true,
    statistics: true,
    deferred: true,
    accumulate: true,
  },
  { size: 3, inputs: 17, outputs: 12, batch: 1, height: 1, width: 1, norm: true, accumulate: true, window: true },
  { size: 3, inputs: 3, outputs: 5, batch: 3, height: 1, width: 7, norm: true, deferred: true },
  { size: 3, inputs: 5, outputs: 3, batch: 1, height: 6, width: 1, norm: true, deferred: true },
  { size: 3, inputs: 1, outputs: 12, batch: 1, height: 2, width: 2, norm: true, statistics: true, deferred: true },
  {
    size: 3,
    inputs: 16,
    outputs: 12,
    batch: 2,
    height: 16,
    width: 16,
    norm: true,
    statistics: true,
    mean: 3,
    positiveWeights: true,
    deferred: true,
    accumulate: true,
    dropRate: 0.1,
  },
  { size: 3, inputs: 31, outputs: 7, batch: 2, height: 56, width: 40, norm: true, statistics: true, deferred: true },
  // Wide growth layers, for which a backend may have a faster algorithm: strips of tiles across odd rows, columns, images.
  {
    size: 3,
    inputs: 192,
    outputs: 48,
    batch: 5,
    height: 8,
    width: 8,
    norm: true,
    statistics: true,
    deferred: true,
    window: true,
    spare: 2,
  },
  {
    size: 3,
    inputs: 130,
    outputs: 33,
    batch: 3,
    height: 14,
    width: 13,
    norm: true,
    statistics: true,
    deferred: true,
    accumulate: true,
    dropRate: 0.2,
  },
  { size: 3, inputs: 29, outputs: 40, batch: 1, height: 31, width: 28, deferred: true, window: true },
  { size: 3, inputs: 7, outputs: 60, batch: 5, height: 7, width: 7, norm: true, statistics: true, deferred: true },
  {
    size: 3,
    inputs: 33,
    outputs: 36,
    batch: 2,
    height: 3,
    width: 70,
    norm: true,
    statistics: true,
    mean: 3,
    positiveWeights: true,
    accumulate: true,
    window: true,
  },
  { size: 3, inputs: 1, outputs: 32, batch: 1, height: 56, width: 57, norm: true, statistics: true, deferred: true },
  // Inference: a norm and ReLU that follow are folded in.
  { size: 1, inputs: 37, outputs: 48, batch: 2, height: 7, width: 7, norm: true, folded: true },
  { size: 1, inputs: 70, outputs: 128, batch: 1, height: 16, width: 24, norm: true, folded: true, window: true },
  { size: 3, inputs: 48, outputs: 12, batch: 2, height: 9, width: 8, folded: true, window: true },
  { size: 3, inputs: 40, outputs: 32, batch: 3, height: 13, width: 14, folded: true },
  { size: 7, inputs: 3, outputs: 20, batch: 2, height: 25, width: 38, folded: true },
  { size: 3, inputs: 3, outputs: 5, batch: 1, height: 6, width: 5, folded: true },
  ...randomConvolutions(40),
]

/** Some channels are weak, of weights and of gradients: they must be as right as the others. */
/** With bias: the convolutions of FC-DenseNets, first, growth, down, last. */
const BIASED_CONVOLUTIONS: readonly ConvolutionRow[] = [
  { size: 3, inputs: 3, outputs: 48, batch: 2, height: 17, width: 22, statistics: true, deferred: true },
  {
    size: 3,
    inputs: 61,
    outputs: 12,
    batch: 3,
    height: 14,
    width: 11,
    norm: true,
    statistics: true,
    deferred: true,
    accumulate: true,
    window: true,
    dropRate: 0.2,
  },
  { size: 3, inputs: 48, outputs: 16, batch: 1, height: 1, width: 2, norm: true, deferred: true, accumulate: true },
  {
    size: 1,
    inputs: 52,
    outputs: 52,
    batch: 2,
    height: 33,
    width: 35,
    norm: true,
    accumulate: true,
    window: true,
    dropRate: 0.2,
  },
  { size: 1, inputs: 30, outputs: 11, batch: 2, height: 19, width: 23, spare: 1 },
].map(row => ({ ...row, biased: true }))

interface TransposedRow extends Row {
  readonly inputs: number
  readonly outputs: number
  /** Rows and columns of the output that are left out. */
  readonly cut?: readonly [number, number]
}

const TRANSPOSED: readonly TransposedRow[] = [
  { inputs: 48, outputs: 48, batch: 2, height: 9, width: 20, cut: [1, 1], statistics: true, deferred: true },
  { inputs: 12, outputs: 13, batch: 3, height: 7, width: 7, statistics: true, deferred: true, window: true },
  { inputs: 1, outputs: 1, batch: 1, height: 1, width: 1, cut: [1, 0], accumulate: true },
  { inputs: 5, outputs: 3, batch: 2, height: 3, width: 1, cut: [0, 1], deferred: true, accumulate: true, spare: 1 },
  {
    inputs: 37,
    outputs: 20,
    batch: 1,
    height: 18,
    width: 33,
    cut: [1, 0],
    statistics: true,
    deferred: true,
    accumulate: true,
    window: true,
  },
]

interface PixelRow extends Row {
  readonly classes: number
  readonly scale: number
  /** Share of the pixels that have no label. */
  readonly ignored?: number
  readonly weighted?: boolean
  readonly gradient?: boolean
}

const PIXEL_CROSS_ENTROPIES: readonly PixelRow[] = [
  { classes: 11, scale: 1, batch: 3, height: 13, width: 17, ignored: 0.2, gradient: true },
  { classes: 2, scale: 1, batch: 1, height: 70, width: 71, weighted: true, gradient: true, window: true },
  { classes: 21, scale: 40, batch: 2, height: 5, width: 3, ignored: 0.5, weighted: true, gradient: true, spare: 1 },
  { classes: 11, scale: 1, batch: 2, height: 4, width: 4, ignored: 1, gradient: true },
  { classes: 1, scale: 1, batch: 1, height: 1, width: 1 },
]

const WEAK_CONVOLUTIONS: readonly ConvolutionRow[] = [
  { size: 3, inputs: 3, outputs: 24, batch: 2, height: 16, width: 15, statistics: true, deferred: true },
  { size: 7, inputs: 3, outputs: 16, batch: 2, height: 24, width: 20, statistics: true, deferred: true },
  { size: 1, inputs: 37, outputs: 48, batch: 2, height: 8, width: 8, norm: true, statistics: true, deferred: true },
  { size: 1, inputs: 60, outputs: 30, batch: 1, height: 16, width: 16, statistics: true, deferred: true },
  { size: 3, inputs: 48, outputs: 12, batch: 2, height: 9, width: 8, norm: true, statistics: true, deferred: true },
  { size: 3, inputs: 20, outputs: 36, batch: 1, height: 16, width: 17, norm: true, statistics: true },
]

/** What kernels.ts allows and no DenseNet has: a backend may refuse these, and only these. */
const UNUSUAL_CONVOLUTIONS: readonly ConvolutionRow[] = [
  {
    size: 3,
    stride: 2,
    inputs: 12,
    outputs: 8,
    batch: 2,
    height: 9,
    width: 8,
    norm: true,
    statistics: true,
    deferred: true,
  },
  { size: 3, stride: 2, inputs: 12, outputs: 8, batch: 3, height: 7, width: 10, deferred: true },
  { size: 3, stride: 2, inputs: 9, outputs: 5, batch: 2, height: 8, width: 6, accumulate: true, wanted: true },
  { size: 3, padding: 0, inputs: 5, outputs: 7, batch: 2, height: 6, width: 9, norm: true, accumulate: true },
  { size: 3, padding: 2, inputs: 10, outputs: 4, batch: 1, height: 5, width: 5, wanted: true },
  { size: 3, inputs: 10, outputs: 4, batch: 2, height: 6, width: 7, norm: true, wanted: false },
  { size: 1, inputs: 10, outputs: 4, batch: 2, height: 6, width: 7, statistics: true, deferred: true, wanted: false },
  { size: 1, inputs: 10, outputs: 4, batch: 2, height: 6, width: 7, norm: true, wanted: false },
  { size: 1, stride: 2, inputs: 24, outputs: 16, batch: 2, height: 8, width: 8, norm: true, statistics: true },
  { size: 1, stride: 2, inputs: 24, outputs: 16, batch: 2, height: 7, width: 9, statistics: true, deferred: true },
  { size: 1, stride: 3, inputs: 4, outputs: 6, batch: 2, height: 7, width: 9, wanted: false },
  { size: 1, padding: 1, inputs: 6, outputs: 5, batch: 2, height: 4, width: 5, norm: true, deferred: true },
  { size: 5, inputs: 6, outputs: 5, batch: 2, height: 7, width: 9, norm: true, statistics: true, deferred: true },
  { size: 5, inputs: 20, outputs: 9, batch: 2, height: 7, width: 9, dropRate: 0.2, statistics: true },
  { size: 5, stride: 3, padding: 1, inputs: 9, outputs: 7, batch: 2, height: 13, width: 40, statistics: true },
  { size: 2, stride: 2, padding: 0, inputs: 5, outputs: 7, batch: 2, height: 9, width: 8, wanted: true },
  { size: 4, padding: 3, inputs: 2, outputs: 7, batch: 1, height: 3, width: 5, statistics: true, deferred: true },
  { size: 7, inputs: 3, outputs: 16, batch: 2, height: 12, width: 14, norm: true, deferred: true },
  { size: 11, stride: 4, padding: 2, inputs: 3, outputs: 12, batch: 2, height: 31, width: 33, statistics: true },
]

interface DenseLayerRow extends Row {
  readonly inputs: number
  readonly between: number
  readonly outputs: number
}

/** In inference: maps small and large, odd ones, one channel and more than are worked on at a time. */
const DENSE_LAYERS: readonly DenseLayerRow[] = [
  { inputs: 64, between: 128, outputs: 32, batch: 1, height: 14, width: 14 },
  { inputs: 300, between: 128, outputs: 32, batch: 2, height: 7, width: 7, mean: 3 },
  { inputs: 40, between: 48, outputs: 12, batch: 1, height: 32, width: 32 },
  { inputs: 37, between: 128, outputs: 32, batch: 1, height: 28, width: 28, window: true },
  { inputs: 24, between: 192, outputs: 48, batch: 3, height: 8, width: 9, spare: 1 },
  { inputs: 17, between: 20, outputs: 5, batch: 2, height: 13, width: 29 },
  { inputs: 5, between: 70, outputs: 33, batch: 2, height: 23, width: 26, window: true },
  { inputs: 9, between: 4, outputs: 1, batch: 17, height: 3, width: 5, deviation: 0.005 },
  { inputs: 3, between: 65, outputs: 17, batch: 1, height: 2, width: 67 },
  { inputs: 131, between: 33, outputs: 24, batch: 1, height: 101, width: 2 },
  { inputs: 2, between: 3, outputs: 2, batch: 2, height: 1, width: 1 },
  { inputs: 1, between: 1, outputs: 1, batch: 1, height: 1, width: 6 },
]

/** In int8: several panels of pixels, parts of vectors and of four channels, one channel, norms of small deviations. */
const QUANTIZED_LAYERS: readonly DenseLayerRow[] = [
  { inputs: 64, between: 128, outputs: 32, batch: 1, height: 7, width: 7 },
  { inputs: 300, between: 48, outputs: 12, batch: 2, height: 4, width: 5, mean: 3 },
  { inputs: 37, between: 20, outputs: 5, batch: 1, height: 13, width: 29, window: true },
  { inputs: 24, between: 72, outputs: 18, batch: 3, height: 8, width: 9, spare: 1 },
  { inputs: 5, between: 70, outputs: 33, batch: 2, height: 3, width: 6, window: true },
  { inputs: 9, between: 4, outputs: 1, batch: 17, height: 3, width: 5, deviation: 0.005 },
  { inputs: 131, between: 33, outputs: 24, batch: 1, height: 51, width: 2 },
  { inputs: 2, between: 3, outputs: 2, batch: 2, height: 1, width: 1 },
  { inputs: 1, between: 1, outputs: 1, batch: 1, height: 1, width: 6 },
]

const AVERAGE_POOLS: readonly (PoolRow & { readonly global?: boolean })[] = [
  { channels: 24, batch: 3, height: 8, width: 8, norm: true },
  { channels: 37, batch: 8, height: 7, width: 9, norm: true, window: true, mean: 3, spare: 1 },
  { channels: 1, batch: 1, height: 3, width: 2, norm: true, accumulate: true },
  { channels: 17, batch: 17, height: 2, width: 5, norm: true, window: true, accumulate: true },
  { channels: 101, batch: 1, height: 32, width: 32, norm: true },
  { channels: 12, batch: 3, height: 13, width: 16, statistics: true, deferred: true, window: true },
  { channels: 5, batch: 1, height: 2, width: 2, statistics: true, deferred: true, accumulate: true },
  { channels: 23, batch: 3, height: 6, width: 7, norm: true, statistics: true, deferred: true, accumulate: true },
  { channels: 7, batch: 3, height: 6, width: 4, norm: true, deviation: 0.005 },
  { global: true, channels: 37, batch: 3, height: 8, width: 8, norm: true },
  { global: true, channels: 101, batch: 17, height: 7, width: 7, norm: true, window: true, mean: 3 },
  { global: true, channels: 3, batch: 1, height: 1, width: 1, norm: true },
  { global: true, channels: 1, batch: 8, height: 5, width: 3, norm: true, accumulate: true, spare: 3 },
  { global: true, channels: 23, batch: 1, height: 2, width: 9, norm: true, window: true },
  { global: true, channels: 342, batch: 2, height: 8, width: 8, norm: true },
  { ceil: true, channels: 37, batch: 3, height: 7, width: 9, norm: true, window: true, mean: 3 },
  { ceil: true, channels: 5, batch: 2, height: 8, width: 35, norm: true, accumulate: true },
  { ceil: true, channels: 12, batch: 3, height: 13, width: 16, statistics: true, deferred: true, window: true },
  { ceil: true, channels: 3, batch: 1, height: 1, width: 1, norm: true },
  { ceil: true, channels: 2, batch: 2, height: 1, width: 3, norm: true, deferred: true },
  { ceil: true, channels: 2, batch: 1, height: 3, width: 2 },
]

const MAX_POOLS: readonly PoolRow[] = [
  { channels: 16, batch: 3, height: 5, width: 5, norm: true, statistics: true, deferred: true, window: true },
  { channels: 37, batch: 1, height: 7, width: 8, norm: true, statistics: true, deferred: true, mean: 3 },
  { channels: 64, batch: 2, height: 28, width: 28, norm: true, statistics: true, deferred: true },
  { channels: 3, batch: 8, height: 12, width: 11, norm: true, statistics: true, deferred: true, window: true },
  { channels: 1, batch: 1, height: 1, width: 1, norm: true },
  { channels: 6, batch: 2, height: 5, width: 6, norm: true, deviation: 0.03 },
  { channels: 17, batch: 17, height: 2, width: 3, norm: true, statistics: true, deferred: true, accumulate: true },
  { channels: 5, batch: 3, height: 6, width: 1, norm: true, deferred: true, spare: 1 },
  { channels: 23, batch: 3, height: 9, width: 10, statistics: true, deferred: true, window: true },
  { channels: 12, batch: 1, height: 4, width: 7, accumulate: true, mean: -3 },
  { ceil: true, channels: 16, batch: 3, height: 6, width: 8, norm: true, statistics: true, deferred: true },
  { ceil: true, channels: 5, batch: 2, height: 32, width: 33, norm: true, statistics: true, window: true },
  { ceil: true, channels: 3, batch: 1, height: 7, width: 64, accumulate: true },
  { ceil: true, channels: 2, batch: 1, height: 2, width: 1, norm: true },
]

const LINEARS = [
  { inputs: 3, outputs: 10, batch: 1 },
  { inputs: 101, outputs: 10, batch: 3, window: true },
  { inputs: 342, outputs: 100, batch: 17 },
  { inputs: 17, outputs: 7, batch: 8, window: true, spare: 2 },
  { inputs: 1, outputs: 1, batch: 1 },
  { inputs: 64, outputs: 1000, batch: 2 },
]

const PAIR_POOLS: readonly PoolRow[] = [
  { channels: 12, batch: 2, height: 22, width: 34, statistics: true, deferred: true },
  { channels: 5, batch: 3, height: 7, width: 9, statistics: true, deferred: true, window: true },
  { channels: 20, batch: 1, height: 2, width: 3, norm: true, accumulate: true, deferred: true },
  { channels: 3, batch: 1, height: 40, width: 67, norm: true, window: true },
]

interface LossRow {
  readonly classes: number
  readonly batch: number
  readonly scale: number
  readonly gradient: boolean
  readonly window?: boolean
  readonly spare?: number
  readonly mixed?: boolean
  readonly labels?: boolean
  /** Whether some targets are not known. */
  readonly missing?: boolean
  readonly smoothing?: number
  readonly weighted?: boolean
}

const CROSS_ENTROPIES: readonly LossRow[] = [
  { classes: 10, batch: 8, scale: 1, gradient: true },
  { classes: 10, batch: 3, scale: 40, gradient: true, window: true, spare: 1 },
  { classes: 100, batch: 17, scale: 3, gradient: true },
  { classes: 7, batch: 1, scale: 1, gradient: false },
  { classes: 2, batch: 8, scale: 200, gradient: true },
  { classes: 1, batch: 3, scale: 1, gradient: true },
  { classes: 1000, batch: 2, scale: 2, gradient: false, window: true },
  { classes: 10, batch: 8, scale: 2, gradient: true, smoothing: 0.1 },
  { classes: 7, batch: 5, scale: 2, gradient: true, mixed: true, window: true },
  { classes: 37, batch: 3, scale: 3, gradient: true, weighted: true, spare: 1 },
  { classes: 10, batch: 17, scale: 20, gradient: true, mixed: true, smoothing: 0.2, weighted: true, window: true },
  { classes: 1, batch: 2, scale: 1, gradient: true, mixed: true, smoothing: 0.1, weighted: true },
]

const BINARY_CROSS_ENTROPIES: readonly LossRow[] = [
  { classes: 10, batch: 8, scale: 1, gradient: true },
  { classes: 10, batch: 5, scale: 2, gradient: true, labels: true, window: true },
  { classes: 18, batch: 3, scale: 40, gradient: true, window: true, spare: 1 },
  { classes: 1, batch: 1, scale: 3, gradient: true, smoothing: 0.1 },
  { classes: 14, batch: 9, scale: 3, gradient: true, missing: true, smoothing: 0.1, weighted: true },
  { classes: 37, batch: 5, scale: 200, gradient: true, weighted: true, window: true },
  { classes: 100, batch: 2, scale: 2, gradient: false, weighted: true, smoothing: 0.3 },
]

const RUNNING = [
  { channels: 1, pixels: 64, batch: 3, momentum: 0.1 },
  { channels: 37, pixels: 1, batch: 1, momentum: 0.1 },
  { channels: 101, pixels: 49, batch: 8, momentum: 0.1 },
  { channels: 48, pixels: 1, batch: 2, momentum: 0.5 },
]

const UPDATES = [
  { elements: 1, momentum: 0.9, weightDecay: 1e-4, nesterov: true },
  { elements: 4099, momentum: 0.9, weightDecay: 1e-4, nesterov: true },
  { elements: 1000, momentum: 0.9, weightDecay: 0, nesterov: false },
  { elements: 37, momentum: 0, weightDecay: 1e-2, nesterov: false },
  { elements: 100_003, momentum: 0.5, weightDecay: 1e-3, nesterov: true },
]

const ADAMW_UPDATES = [
  { elements: 1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, step: 0 },
  { elements: 4099, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, step: 1_000_000 },
  { elements: 1000, beta1: 0.8, beta2: 0.95, epsilon: 1e-4, weightDecay: 0.3, step: 9 },
  { elements: 50_003, beta1: 0, beta2: 0.99, epsilon: 1e-6, weightDecay: 0.1, step: 2 },
]

const RMSPROP_UPDATES = [
  { elements: 1, alpha: 0.99, epsilon: 1e-8, rooted: false, momentum: 0, weightDecay: 0 },
  { elements: 4099, alpha: 0.9, epsilon: 1e-3, rooted: true, momentum: 0.9, weightDecay: 1e-4 },
  { elements: 50_003, alpha: 0.99, epsilon: 1e-8, rooted: false, momentum: 0.5, weightDecay: 1e-2 },
]

/** `limit` against a norm of about the square root of `elements`. */
const CLIPS = [
  { elements: 1, limit: 1e-3 },
  { elements: 37, limit: 100 },
  { elements: 16_384, limit: 1 },
  { elements: 50_003, limit: 17 },
]

const BLENDS = [
  { elements: 1, keep: 0.99, add: 0.01 },
  { elements: 4099, keep: 0, add: 0.25 },
  { elements: 50_003, keep: 1, add: 64 },
]

/** Shapes nobody thought of. */
function randomConvolutions(count: number): ConvolutionRow[] {
  return Array.from({ length: count }, (_, i): ConvolutionRow => {
    const random = randomStream(2026, 'initialisation', i)
    const chance = (): boolean => random.uniform() < 0.5
    const norm = random.uniform() < 0.8
    const dropRate = random.uniform() < 0.3 ? 0.2 : undefined
    return {
      size: chance() ? 1 : 3,
      inputs: 1 + random.integer(60),
      outputs: 1 + random.integer(50),
      batch: 1 + random.integer(5),
      height: 1 + random.integer(18),
      width: 1 + random.integer(18),
      norm,
      statistics: chance(),
      deferred: chance(),
      accumulate: chance(),
      window: chance(),
      mean: chance() ? 0 : 3,
      spare: random.integer(2),
      ...(dropRate === undefined ? {} : { dropRate }),
    }
  })
}

/** The buffers of one case while they are made. */
class Workspace {
  readonly buffers: BufferSpec[] = []
  readonly values: Float64Array[] = []

  readonly random: RandomStream

  /** Its numbers are those of its name: they stay when cases come or go. */
  constructor(
    readonly name: string,
    readonly row: Pick<Row, 'batch' | 'spare' | 'window' | 'weak'>,
  ) {
    this.random = randomStream(1, 'initialisation', ...Array.from(name, letter => letter.charCodeAt(0)))
  }

  get batchSize(): number {
    return this.row.batch + (this.row.spare ?? 0)
  }

  /** A few more elements on both sides, where the row asks for windows. */
  private margin(): number {
    return this.row.window ? 1 + this.random.integer(5) : 0
  }

  buffer(name: string, elements: number, value: () => number): number {
    this.values.push(Float64Array.from({ length: elements }, () => Math.fround(value())))
    return this.buffers.push({ name, elements, role: 'transient' }) - 1
  }

  /** An activation; `value(channel)` makes its elements. */
  plane(
    name: string,
    [channels, height, width]: readonly [number, number, number],
    value: (channel: number) => number = () => this.random.normal(),
  ): View {
    const first = this.margin()
    const stride = first + channels + this.margin()
    const pixels = height * width
    let i = 0
    const buffer = this.buffer(name, this.batchSize * stride * pixels, () => value(Math.floor(i++ / pixels) % stride))
    return { buffer, stride, first, channels, height, width }
  }

  /** A vector in a buffer of its own, with something around it. */
  vector(name: string, count: number, value: (i: number) => number = () => this.random.normal()): Ref {
    const offset = this.margin()
    let i = -offset
    const buffer = this.buffer(name, offset + count + this.margin(), () => value(i++))
    return { buffer, offset }
  }

  /** Mean and variance of a view's channels. From too few elements they would be no statistics, so then others. */
  statisticsOf(name: string, view: View): { mean: Ref; variance: Ref } {
    const { channels, height, width } = view
    const elements = Array.from({ length: channels }, (_, c) =>
      this.channel(view, c).map(i => this.values[view.buffer]![i]!),
    )
    const few = this.row.batch * height * width < 4
    const mean = elements.map(x => (few ? x[0]! - 0.2 : x.reduce((a, b) => a + b) / x.length))
    const variance = elements.map((x, c) =>
      few ? 0.3 : x.reduce((sum, value) => sum + (value - mean[c]!) ** 2, 0) / x.length,
    )
    return {
      mean: this.vector(`${name}.mean`, channels, i => mean[i] ?? 7),
      variance: this.vector(`${name}.variance`, channels, i => variance[i] ?? 7),
    }
  }

  /** Where the elements of a channel are in their buffer. */
  channel({ stride, first, height, width }: View, channel: number): number[] {
    const pixels = height * width
    return Array.from(
      { length: this.row.batch * pixels },
      (_, i) => (Math.floor(i / pixels) * stride + first + channel) * pixels + (i % pixels),
    )
  }

  /** Batch norm of `input`, some gammas negative, some 0; moves inputs away from ReLU's kink, in steps of 1/64. */
  norm(input: View): Norm {
    const sign = (): number => (this.random.uniform() < 0.3 ? -1 : 1)
    const awayFrom0 = (least: number, most: number): number => sign() * (least + (most - least) * this.random.uniform())
    const gamma = this.vector('gamma', input.channels, i => (i % 7 === 3 ? 0 : awayFrom0(0.5, 1.5)))
    const beta = this.vector('beta', input.channels, () => awayFrom0(0.05, 0.5))
    const { mean, variance } = this.statisticsOf('input', input)
    const epsilon = 1e-5
    const at = ({ buffer, offset }: Ref, i: number): number => this.values[buffer]![offset + i]!
    const values = this.values[input.buffer]!
    for (let c = 0; c < input.channels; c++) {
      const scale = at(gamma, c) / Math.sqrt(at(variance, c) + epsilon)
      for (const i of this.channel(input, c)) {
        while (Math.abs(scale * (values[i]! - at(mean, c)) + at(beta, c)) < 1e-3) {
          values[i] = Math.fround(values[i]! + 1 / 64)
        }
      }
    }
    return { gamma, beta, mean, variance, epsilon }
  }

  statistics(channels: number): Statistics {
    return { mean: this.vector('statistics.mean', channels), variance: this.vector('statistics.variance', channels) }
  }

  /** The gradient at an output, as the output's consumers left it. */
  outputGradient(shape: readonly [number, number, number], deferred: boolean): OutputGradient {
    const gradient = this.plane('output.gradient', shape, c => weak(this.row, c, 2) * this.random.normal())
    if (!deferred) return { gradient, deferred: null }
    const value = this.plane('output', shape, c => this.random.normal() + (c % 3))
    const small = (c: number): number => weak(this.row, gradient.first + c, 2) * 0.1 * this.random.normal()
    const a = this.vector('output.a', shape[0], small)
    const b = this.vector('output.b', shape[0], small)
    return { gradient, deferred: { value, ...this.statisticsOf('output', value), epsilon: 1e-5, a, b } }
  }

  inputGradient(shape: readonly [number, number, number], norm: boolean, accumulate: boolean): InputGradient {
    const gradient = this.plane('input.gradient', shape)
    if (!norm) return { gradient, accumulate, norm: null }
    const [gamma, beta, a, b] = ['gamma.gradient', 'beta.gradient', 'a', 'b'].map(name => this.vector(name, shape[0]))
    return { gradient, accumulate, norm: { gamma: gamma!, beta: beta!, a: a!, b: b! } }
  }

  finish(call: KernelCall, args: Partial<RunArguments> = {}): ConformanceCase {
    const { name } = this
    const { batch } = this.row
    const program = makeProgram([call], this.buffers, this.batchSize)
    return {
      name,
      program,
      batch,
      inputs: new Map(this.values.entries()),
      outputs: outputsOf(call, program, batch),
      tolerance: TOLERANCE[call.kernel],
      runArguments: { batch, learningRate: 0.1, seed: 11, step: 5, ...args },
    }
  }
}

const workspace = (kernel: KernelName, row: Workspace['row'], name = describe(row)): Workspace =>
  new Workspace(`${kernel}: ${name}`, row)

/** The row in words: "batch 3 norm deferred". */
function describe(row: object): string {
  return Object.entries(row)
    .filter(([, value]) => value !== false && value !== undefined && value !== 0)
    .map(([key, value]) => (value === true ? key : `${key} ${value}`))
    .join(', ')
}

/** What the numbers of a channel are multiplied by. */
function weak(row: Pick<Row, 'weak'>, channel: number, every: number): number {
  return row.weak && channel % 5 === every ? 1 / 256 : 1
}

/** Elements with the row's mean and deviation. */
const elements = (random: RandomStream, { mean = 0, deviation = mean === 0 ? 1 : 0.5 }: Row) => {
  return () => mean + deviation * random.normal()
}

/** Multiples of 1/16: equal ones are equal in any arithmetic, others differ clearly. */
const steps = (random: RandomStream, row: Row) => {
  const value = elements(random, row)
  return () => Math.round(value() * 16) / 16
}

function convolutionCases(row: ConvolutionRow): ConformanceCase[] {
  const { size, inputs, outputs, height, width, dropRate } = row
  const { stride = size === 7 ? 2 : 1, padding = (size - 1) / 2, wanted = row.norm || size === 1 } = row
  const geometry = { size, stride, padding }
  const made = (n: number): number => Math.floor((n + 2 * padding - size) / stride) + 1
  const inputShape = [inputs, height, width] as const
  const outputShape = [outputs, made(height), made(width)] as const
  const dropout: Dropout | null = dropRate === undefined ? null : { rate: dropRate, layer: 3 }
  const weights = outputs * inputs * size * size
  const scale = 1 / Math.sqrt(inputs * size * size)
  const prepare = (work: Workspace) => {
    const input = work.plane('input', inputShape, elements(work.random, row))
    const norm = row.norm ? work.norm(input) : null
    const weakness = (i: number): number =>
      weak(row, Math.floor(i / (inputs * size * size)), 1) * weak(row, Math.floor(i / (size * size)) % inputs, 2)
    const weight = work.vector(
      'weight',
      weights,
      i => weakness(i) * scale * (work.random.normal() + (row.positiveWeights ? 3 : 0)),
    )
    return { ...geometry, input, norm, weight, dropout }
  }

  const forward = workspace('convolutionForward', row)
  const forwardCall: ConvolutionForward = {
    kernel: 'convolutionForward',
    ...prepare(forward),
    ...(row.biased ? { bias: forward.vector('bias', outputs) } : {}),
    foldedBias: row.folded ? forward.vector('bias', outputs, () => 0.5 * forward.random.normal()) : null,
    output: forward.plane('output', outputShape),
    statistics: row.statistics ? forward.statistics(outputs) : null,
  }
  const backward = workspace('convolutionBackward', row)
  const backwardCall: KernelCall = {
    kernel: 'convolutionBackward',
    ...prepare(backward),
    weightGradient: backward.vector('weight.gradient', weights),
    ...(row.biased ? { biasGradient: backward.vector('bias.gradient', outputs) } : {}),
    outputGradient: backward.outputGradient(outputShape, row.deferred === true),
    inputGradient: wanted ? backward.inputGradient(inputShape, row.norm === true, row.accumulate === true) : null,
  }
  return [forward.finish(forwardCall), backward.finish(backwardCall)]
}

function poolCases(row: PoolRow & { global?: boolean }, kind: 'averagePool' | 'maxPool'): ConformanceCase[] {
  const { channels, height, width } = row
  const inputShape = [channels, height, width] as const
  const window = row.global ? { windowHeight: height, windowWidth: width } : { windowHeight: 2, windowWidth: 2 }
  const round = row.ceil ? Math.ceil : Math.floor
  const made = (pixels: number, size: number): number =>
    kind === 'maxPool' && !row.pairs ? round((pixels - 1) / 2) + 1 : round(pixels / size)
  const outputShape = [channels, made(height, window.windowHeight), made(width, window.windowWidth)] as const
  const geometry = row.pairs ? { size: 2, stride: 2, padding: 0 } : { size: 3, stride: 2, padding: 1 }
  const prepare = (work: Workspace) => {
    const value = (kind === 'maxPool' ? steps : elements)(work.random, row)
    const input = work.plane('input', inputShape, c => weak(row, c, 1) * value())
    return { input, norm: row.norm ? work.norm(input) : null }
  }

  const forward = workspace(`${kind}Forward`, row)
  const forwardOperands = {
    ...prepare(forward),
    output: forward.plane('output', outputShape),
    statistics: row.statistics ? forward.statistics(channels) : null,
  }
  const backward = workspace(`${kind}Backward`, row)
  const backwardOperands = {
    ...prepare(backward),
    outputGradient: backward.outputGradient(outputShape, row.deferred === true),
    inputGradient: backward.inputGradient(inputShape, row.norm === true, row.accumulate === true),
  }
  const calls: [KernelCall, KernelCall] =
    kind === 'maxPool'
      ? [
          { kernel: 'maxPoolForward', ...geometry, ...forwardOperands },
          { kernel: 'maxPoolBackward', ...geometry, ...backwardOperands },
        ]
      : [
          { kernel: 'averagePoolForward', ...window, ...forwardOperands },
          { kernel: 'averagePoolBackward', ...window, ...backwardOperands },
        ]
  return [forward.finish(calls[0]), backward.finish(calls[1])]
}

/** The output lies in the buffer that the input is read from, as it does in a network. */
function denseLayerForwardCase(row: DenseLayerRow): ConformanceCase {
  const { inputs, between, outputs, height, width } = row
  const work = workspace('denseLayerForward', row)
  const features = work.plane('features', [inputs + outputs, height, width], elements(work.random, row))
  const input = { ...features, channels: inputs }
  const normal = (deviation: number) => () => deviation * work.random.normal()
  const call: KernelCall = {
    kernel: 'denseLayerForward',
    input,
    norm: work.norm(input),
    channels: between,
    weight: work.vector('weight', between * inputs, normal(1 / Math.sqrt(inputs))),
    foldedBias: work.vector('bias', between, normal(0.5)),
    growthWeight: work.vector('growth weight', outputs * between * 9, i => {
      return (weak(row, Math.floor(i / (between * 9)), 1) / Math.sqrt(between * 9)) * work.random.normal()
    }),
    output: { ...features, first: features.first + inputs, channels: outputs },
  }
  return work.finish(call)
}

/** Numbers that every arithmetic rounds to the same whole ones: activations are 0.1 and more away from halves, where z and y are
 * counted, and scales powers of two, so that the rest is exact, ties among it. One number is none. */
function quantizedDenseLayerCase(row: DenseLayerRow): ConformanceCase {
  const { inputs, between, outputs, height, width } = row
  const work = workspace('quantizedDenseLayerForward', row)
  const { random } = work
  const inputStep = 1 / 16
  const features = work.plane('features', [inputs + outputs, height, width], elements(random, row))
  const input = { ...features, channels: inputs }
  const norm = work.norm(input)
  const at = ({ buffer, offset }: Ref, c: number): number => work.values[buffer]![offset + c]!
  const values = work.values[input.buffer]!
  for (let c = 0; c < inputs; c++) {
    const beta = Math.fround((Math.round(at(norm.beta, c) / inputStep) + 0.2) * inputStep)
    work.values[norm.beta.buffer]![norm.beta.offset + c] = beta
    const slope = at(norm.gamma, c) / Math.sqrt(at(norm.variance, c) + norm.epsilon)
    for (const i of work.channel(input, c)) {
      const whole = random.integer(180) - 40 + 0.8 * random.uniform() - 0.4
      values[i] = slope === 0 ? values[i]! : Math.fround(at(norm.mean, c) + (whole * inputStep - beta) / slope)
    }
  }
  values[work.channel(input, 0)[0]!] = Number.NaN
  const whole = (): number => random.integer(129) - 64
  const least = Math.ceil(Math.log2(50 * Math.sqrt(inputs)))
  const call: KernelCall = {
    kernel: 'quantizedDenseLayerForward',
    input,
    norm,
    inputStep,
    channels: between,
    weight: work.vector('weight', between * inputs, whole),
    scale: work.vector('scale', between, i => (i % 5 === 1 ? -1 : 1) * 2 ** -(least + (i % 3))),
    foldedBias: work.vector('bias', between, () => (random.integer(400) - 150) / 8),
    growthWeight: work.vector('growth weight', outputs * between * 9, whole),
    growthScale: work.vector('growth scale', outputs, i => 2 ** -(8 + (i % 7))),
    output: { ...features, first: features.first + inputs, channels: outputs },
  }
  return work.finish(call)
}

/** Plain dense layers read and write windows of one and the same buffers, and so must the kernels. */
function denseLayerCases(): ConformanceCase[] {
  const row = { batch: 3, height: 6, width: 7, inputs: 23, outputs: 12 }
  const { height, width, inputs, outputs } = row
  const stride = inputs + outputs + 5
  const geometry = { size: 3, stride: 1, padding: 1 }
  const weights = outputs * inputs * 9
  const prepare = (work: Workspace) => {
    const features = work.plane('features', [stride, height, width])
    const input = { ...features, channels: inputs }
    const output = { ...features, first: inputs, channels: outputs }
    const { gamma, beta, ...of } = work.norm({ ...features, channels: inputs + outputs })
    const weight = work.vector('weight', weights, () => 0.07 * work.random.normal())
    return { input, output, norm: { gamma, beta, ...of }, weight }
  }
  const after = ({ buffer, offset }: Ref): Ref => ({ buffer, offset: offset + inputs })

  const name = `a plain dense layer within its block, ${describe(row)}`
  const forward = workspace('convolutionForward', row, name)
  const { output, ...operands } = prepare(forward)
  const statistics = { mean: after(operands.norm.mean), variance: after(operands.norm.variance) }
  const forwardCall: KernelCall = {
    kernel: 'convolutionForward',
    ...geometry,
    ...operands,
    output,
    statistics,
    dropout: null,
  }

  const backward = workspace('convolutionBackward', row, name)
  const { output: value, ...rest } = prepare(backward)
  const gradient = backward.plane('features.gradient', [stride, height, width])
  const small = (): number => 0.1 * backward.random.normal()
  const [a, b] = ['a', 'b'].map(name => backward.vector(name, stride, small))
  const { mean, variance, epsilon } = rest.norm
  const backwardCall: KernelCall = {
    kernel: 'convolutionBackward',
    ...geometry,
    ...rest,
    dropout: null,
    weightGradient: backward.vector('weight.gradient', weights),
    outputGradient: {
      gradient: { ...gradient, first: inputs, channels: outputs },
      deferred: { value, mean: after(mean), variance: after(variance), epsilon, a: after(a!), b: after(b!) },
    },
    inputGradient: {
      gradient: { ...gradient, channels: inputs },
      accumulate: true,
      norm: {
        gamma: backward.vector('gamma.gradient', inputs),
        beta: backward.vector('beta.gradient', inputs),
        a: a!,
        b: b!,
      },
    },
  }
  return [forward.finish(forwardCall), backward.finish(backwardCall)]
}

function transposedCases(row: TransposedRow): ConformanceCase[] {
  const { inputs, outputs, height, width, cut = [0, 0] } = row
  const outputShape = [outputs, 2 * height + 1 - cut[0], 2 * width + 1 - cut[1]] as const
  const weights = inputs * outputs * 9
  const prepare = (work: Workspace) => ({
    size: 3,
    stride: 2,
    input: work.plane('input', [inputs, height, width], elements(work.random, row)),
    weight: work.vector('weight', weights, () => work.random.normal() / Math.sqrt(inputs * 9)),
  })
  const forward = workspace('transposedConvolutionForward', row)
  const forwardCall: KernelCall = {
    kernel: 'transposedConvolutionForward',
    ...prepare(forward),
    bias: forward.vector('bias', outputs),
    output: forward.plane('output', outputShape),
    statistics: row.statistics ? forward.statistics(outputs) : null,
  }
  const backward = workspace('transposedConvolutionBackward', row)
  const { norm: _, ...inputGradient } = backward.inputGradient([inputs, height, width], false, row.accumulate === true)
  const backwardCall: KernelCall = {
    kernel: 'transposedConvolutionBackward',
    ...prepare(backward),
    weightGradient: backward.vector('weight.gradient', weights),
    biasGradient: backward.vector('bias.gradient', outputs),
    outputGradient: backward.outputGradient(outputShape, row.deferred === true),
    inputGradient,
  }
  return [forward.finish(forwardCall), backward.finish(backwardCall)]
}

function pixelCrossEntropyCase(row: PixelRow): ConformanceCase {
  const work = workspace('pixelCrossEntropy', row)
  const { random, batchSize } = work
  const { classes, height, width, scale, ignored = 0 } = row
  const [shape, pixels] = [[classes, height, width] as const, batchSize * height * width]
  const label = (): number => (random.uniform() < ignored ? -1 - random.integer(3) : random.integer(classes))
  const call: KernelCall = {
    kernel: 'pixelCrossEntropy',
    logits: work.plane('logits', shape, () => (Math.round(2 * random.normal()) / 2) * scale),
    labels: work.vector('labels', pixels, label),
    classWeights: row.weighted
      ? work.vector('classWeights', classes, i => (i === 1 ? 0 : 0.5 + random.uniform()))
      : null,
    loss: work.vector('loss', batchSize),
    predicted: work.vector('predicted', pixels),
    gradient: row.gradient ? work.plane('logits.gradient', shape) : null,
  }
  return work.finish(call)
}

function linearCases(row: (typeof LINEARS)[number]): ConformanceCase[] {
  const { inputs, outputs } = row
  const prepare = (work: Workspace) => ({
    input: work.plane('input', [inputs, 1, 1]),
    weight: work.vector('weight', outputs * inputs, () => work.random.normal() / Math.sqrt(inputs)),
  })
  const forward = workspace('linearForward', row)
  const forwardCall: KernelCall = {
    kernel: 'linearForward',
    ...prepare(forward),
    bias: forward.vector('bias', outputs),
    output: forward.plane('output', [outputs, 1, 1]),
  }
  const backward = workspace('linearBackward', row)
  const backwardCall: KernelCall = {
    kernel: 'linearBackward',
    ...prepare(backward),
    weightGradient: backward.vector('weight.gradient', outputs * inputs),
    biasGradient: backward.vector('bias.gradient', outputs),
    outputGradient: backward.plane('output.gradient', [outputs, 1, 1]),
    inputGradient: backward.plane('input.gradient', [inputs, 1, 1]),
  }
  return [forward.finish(forwardCall), backward.finish(backwardCall)]
}

/** What the two losses have in common. */
function lossOperands(work: Workspace, { classes, scale, weighted, smoothing = 0, gradient }: LossRow) {
  // Halves: classes of equal score occur, and the smaller number must rank first.
  const logits = work.plane('logits', [classes, 1, 1], () => (Math.round(2 * work.random.normal()) / 2) * scale)
  return {
    logits,
    smoothing,
    classWeights: weighted ? work.vector('classWeights', classes, () => 0.5 + work.random.uniform()) : null,
    loss: work.vector('loss', work.batchSize),
    rank: work.vector('rank', work.batchSize),
    gradient: gradient ? work.plane('logits.gradient', [classes, 1, 1]) : null,
  }
}

function crossEntropyCase(row: LossRow): ConformanceCase {
  const work = workspace('crossEntropy', row)
  const label = (): number => work.random.integer(row.classes)
  const call: KernelCall = {
    kernel: 'crossEntropy',
    ...lossOperands(work, row),
    labels: work.vector('labels', work.batchSize, label),
    mixed: row.mixed
      ? {
          labels: work.vector('otherLabels', work.batchSize, label),
          share: work.vector('share', work.batchSize, i => (i % 3 === 1 ? 0.5 : work.random.uniform())),
        }
      : null,
  }
  return work.finish(call)
}

function binaryCrossEntropyCase(row: LossRow): ConformanceCase {
  const work = workspace('binaryCrossEntropy', row)
  const { random } = work
  const call: KernelCall = {
    kernel: 'binaryCrossEntropy',
    ...lossOperands(work, row),
    targets: work.plane('targets', [row.classes, 1, 1], () =>
      row.missing && random.uniform() < 0.4 ? Number.NaN : Math.round(4 * random.uniform()) / 4,
    ),
    labels: row.labels ? work.vector('labels', work.batchSize, () => random.integer(row.classes)) : null,
  }
  return work.finish(call)
}

function runningCase(row: (typeof RUNNING)[number]): ConformanceCase {
  const work = workspace('runningStatistics', { ...row, window: true }, describe(row))
  const { channels, pixels, momentum } = row
  // Of one number there is nothing else that says how large a rounding error may be when terms cancel.
  const positive = (): number => 0.1 + work.random.uniform()
  const call: KernelCall = {
    kernel: 'runningStatistics',
    channels,
    pixels,
    momentum,
    statistics: {
      mean: work.vector('mean', channels, positive),
      variance: work.vector('variance', channels, positive),
    },
    runningMean: work.vector('runningMean', channels, positive),
    runningVariance: work.vector('runningVariance', channels, positive),
  }
  return work.finish(call)
}

/** What all kernels on plain vectors have in common. */
const VECTORS = { batch: 1, window: true }

/** Vectors of one length, the second moments positive. */
function vectors<Name extends string>(work: Workspace, elements: number, ...names: Name[]): Record<Name, Ref> {
  const value = (name: Name) => (): number =>
    name === 'secondMoment' ? 0.01 + work.random.uniform() : work.random.normal()
  const made = names.map(name => [name, work.vector(name, elements, value(name))])
  return Object.fromEntries(made) as Record<Name, Ref>
}

function sgdCase(row: (typeof UPDATES)[number]): ConformanceCase {
  const work = workspace('sgd', VECTORS, describe(row))
  const buffers = vectors(work, row.elements, 'parameters', 'gradients', 'velocity')
  return work.finish({ kernel: 'sgd', ...row, ...buffers })
}

function adamWCase({ step, ...row }: (typeof ADAMW_UPDATES)[number]): ConformanceCase {
  const work = workspace('adamW', VECTORS, describe({ ...row, step: step + 1 }))
  const buffers = vectors(work, row.elements, 'parameters', 'gradients', 'firstMoment', 'secondMoment')
  return work.finish({ kernel: 'adamW', ...row, ...buffers }, { step })
}

function rmsPropCase(row: (typeof RMSPROP_UPDATES)[number]): ConformanceCase {
  const work = workspace('rmsProp', VECTORS, describe(row))
  const buffers = vectors(work, row.elements, 'parameters', 'gradients', 'secondMoment', 'velocity')
  return work.finish({ kernel: 'rmsProp', ...row, ...buffers })
}

function clipCase(row: (typeof CLIPS)[number]): ConformanceCase {
  const work = workspace('clipGradients', VECTORS, describe(row))
  return work.finish({ kernel: 'clipGradients', ...row, ...vectors(work, row.elements, 'gradients') })
}

function blendCase({ elements, ...factors }: (typeof BLENDS)[number]): ConformanceCase {
  const work = workspace('blend', VECTORS, describe({ elements, ...factors }))
  const call: KernelCall = { kernel: 'blend', elements, ...vectors(work, elements, 'source', 'target') }
  return work.finish(call, factors)
}

function fillCase(elements: number): ConformanceCase {
  const work = workspace('fill', VECTORS, `elements ${elements}`)
  return work.finish({ kernel: 'fill', elements, value: 0.5, ...vectors(work, elements, 'target') })
}

const usualCases: readonly ConformanceCase[] = [
  ...CONVOLUTIONS.flatMap(convolutionCases),
  ...denseLayerCases(),
  ...DENSE_LAYERS.map(denseLayerForwardCase),
  ...AVERAGE_POOLS.flatMap(row => poolCases(row, 'averagePool')),
  ...MAX_POOLS.flatMap(row => poolCases(row, 'maxPool')),
  ...LINEARS.flatMap(linearCases),
  ...CROSS_ENTROPIES.map(crossEntropyCase),
  ...BINARY_CROSS_ENTROPIES.map(binaryCrossEntropyCase),
  ...RUNNING.map(runningCase),
  ...UPDATES.map(sgdCase),
  ...ADAMW_UPDATES.map(adamWCase),
  ...RMSPROP_UPDATES.map(rmsPropCase),
  ...CLIPS.map(clipCase),
  ...BLENDS.map(blendCase),
  ...[1, 50_003].map(fillCase),
  ...WEAK_CONVOLUTIONS.map(row => ({ ...row, weak: true })).flatMap(convolutionCases),
  denseLayerForwardCase({ inputs: 40, between: 48, outputs: 12, batch: 1, height: 16, width: 15, weak: true }),
  denseLayerForwardCase({ inputs: 37, between: 64, outputs: 32, batch: 1, height: 7, width: 8, weak: true }),
  ...poolCases(
    { channels: 12, batch: 2, height: 13, width: 16, statistics: true, deferred: true, weak: true },
    'averagePool',
  ),
  ...poolCases(
    { channels: 12, batch: 2, height: 13, width: 16, statistics: true, deferred: true, weak: true },
    'maxPool',
  ),
  ...BIASED_CONVOLUTIONS.flatMap(convolutionCases),
  ...PAIR_POOLS.flatMap(row => poolCases({ ...row, pairs: true }, 'maxPool')),
  ...TRANSPOSED.flatMap(transposedCases),
  ...PIXEL_CROSS_ENTROPIES.map(pixelCrossEntropyCase),
]

/** Of networks in int8. */
export const quantizedCases: readonly ConformanceCase[] = QUANTIZED_LAYERS.map(quantizedDenseLayerCase)

export const unusualCases: readonly ConformanceCase[] = [
  ...UNUSUAL_CONVOLUTIONS.flatMap(convolutionCases),
  ...quantizedCases,
]

export const conformanceCases: readonly ConformanceCase[] = [...usualCases, ...unusualCases]
