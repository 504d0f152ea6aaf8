// The closed list of kernels: the one vocabulary of all backends. A call is a name, buffer numbers and plain numbers.
//
// Activations are stored [batch][channels][height][width]. Three things make DenseNets fast and small, and every
// kernel knows them (docs/engine.md derives them):
//   norm     batch norm + ReLU are applied to a kernel's input while it is loaded:
//            z = relu(gamma * invstd * (x - mean) + beta), invstd = 1 / sqrt(variance + epsilon)
//   statistics  mean and variance of an output channel are taken by the kernel that writes it, once
//   deferred    the backward pass of batch norm is put off: a consumer with gradient dz at its normalised input adds
//                 G += gamma * invstd * dz     (a plane)
//                 a += gamma * mean(dz)        (a number per channel)
//                 b += gamma * mean(dz * xhat) (a number per channel)
//            and whoever wants the channel's gradient reads G - invstd * (a + xhat * b), xhat = (x - mean) * invstd.

/** A position in a buffer, in elements. */
export interface Ref {
  readonly buffer: number
  readonly offset: number
}

/** Channels [first, first + channels) of an activation that has `stride` channels in all: element (n, c, y, x) is at
 * ((n * stride + first + c) * height + y) * width + x. */
export interface View {
  readonly buffer: number
  readonly stride: number
  readonly first: number
  readonly channels: number
  readonly height: number
  readonly width: number
}

/** Batch norm and ReLU on load. Each Ref is `channels` numbers; variance is the biased one over batch and pixels
 * (training) or the running one (evaluation). */
export interface Norm {
  readonly gamma: Ref
  readonly beta: Ref
  readonly mean: Ref
  readonly variance: Ref
  readonly epsilon: number
}

/** Where a kernel writes mean and biased variance of the channels it made. */
export interface Statistics {
  readonly mean: Ref
  readonly variance: Ref
}

/** Elements are dropped with probability `rate`, others scaled by 1 / (1 - rate). `layer` numbers the dropouts of a
 * program: element i of the output view (i = (n * channels + c) * height * width + pixel) is kept by `dropoutKeeps`. */
export interface Dropout {
  readonly rate: number
  readonly layer: number
}

/** The gradient at a kernel's output. Without `deferred` it is the plane itself. */
export interface OutputGradient {
  readonly gradient: View
  readonly deferred: {
    /** The output as the forward pass stored it. */
    readonly value: View
    readonly mean: Ref
    readonly variance: Ref
    readonly epsilon: number
    readonly a: Ref
    readonly b: Ref
  } | null
}

/** Where a kernel leaves the gradient at its input. */
export interface InputGradient {
  readonly gradient: View
  /** true: add to G, a, b; false: this is the first consumer in backward order, write them. */
  readonly accumulate: boolean
  /** Present exactly when the kernel has a norm: gradients of gamma and beta (written), and the deferred numbers. */
  readonly norm: { readonly gamma: Ref; readonly beta: Ref; readonly a: Ref; readonly b: Ref } | null
}

interface Geometry {
  readonly size: number
  readonly stride: number
  readonly padding: number
}

/** output[o] = dropout(sum_c weight[o][c] (*) z[c]), z = norm ? relu(norm(input)) : input; the padding is zeros of z.
 * weight is [out][in][size][size], no bias. Dropout comes before the statistics are taken. */
export interface ConvolutionForward extends Geometry {
  readonly kernel: 'convolutionForward'
  readonly input: View
  readonly norm: Norm | null
  readonly weight: Ref
  readonly output: View
  readonly statistics: Statistics | null
  readonly dropout: Dropout | null
}

/** Writes the weight's gradient, and, unless inputGradient is null, the gradients of norm and input. */
export interface ConvolutionBackward extends Geometry {
  readonly kernel: 'convolutionBackward'
  readonly input: View
  readonly norm: Norm | null
  readonly weight: Ref
  readonly weightGradient: Ref
  readonly outputGradient: OutputGradient
  readonly inputGradient: InputGradient | null
  readonly dropout: Dropout | null
}

/** Means over windows of `windowHeight` x `windowWidth` that do not overlap; rows and columns left over are ignored. */
export interface AveragePoolForward {
  readonly kernel: 'averagePoolForward'
  readonly windowHeight: number
  readonly windowWidth: number
  readonly input: View
  readonly norm: Norm | null
  readonly output: View
  readonly statistics: Statistics | null
}

export interface AveragePoolBackward {
  readonly kernel: 'averagePoolBackward'
  readonly windowHeight: number
  readonly windowWidth: number
  readonly input: View
  readonly norm: Norm | null
  readonly outputGradient: OutputGradient
  readonly inputGradient: InputGradient
}

/** Largest z of each window; the padding never wins. */
export interface MaxPoolForward extends Geometry {
  readonly kernel: 'maxPoolForward'
  readonly input: View
  readonly norm: Norm | null
  readonly output: View
  readonly statistics: Statistics | null
}

/** A window's gradient goes to its first largest element in row order. */
export interface MaxPoolBackward extends Geometry {
  readonly kernel: 'maxPoolBackward'
  readonly input: View
  readonly norm: Norm | null
  readonly outputGradient: OutputGradient
  readonly inputGradient: InputGradient
}

/** output[n][o] = bias[o] + sum_c weight[o][c] input[n][c]; both views are 1 x 1 pixel; weight is [out][in]. */
export interface LinearForward {
  readonly kernel: 'linearForward'
  readonly input: View
  readonly weight: Ref
  readonly bias: Ref
  readonly output: View
}

export interface LinearBackward {
  readonly kernel: 'linearBackward'
  readonly input: View
  readonly weight: Ref
  readonly weightGradient: Ref
  readonly biasGradient: Ref
  readonly outputGradient: View
  readonly inputGradient: View
}

/** Per image: loss[n] = -log softmax(logits[n])[labels[n]]; rank[n] = how many classes score above the label's (a
 * class of the same score counts if its number is smaller). gradient = (softmax - onehot) / batch of the mean loss. */
export interface CrossEntropy {
  readonly kernel: 'crossEntropy'
  readonly logits: View
  readonly labels: Ref
  readonly loss: Ref
  readonly rank: Ref
  readonly gradient: View | null
}

/** running = (1 - momentum) running + momentum * (mean | variance * m / (m - 1)), m = batch * pixels (m = 1: biased). */
export interface RunningStatistics {
  readonly kernel: 'runningStatistics'
  readonly channels: number
  readonly pixels: number
  readonly momentum: number
  readonly statistics: Statistics
  readonly runningMean: Ref
  readonly runningVariance: Ref
}

/** SGD as the seed's (Torch optim.sgd, dampening 0): g += weightDecay * w; v = momentum * v + g;
 * w -= learningRate * (nesterov ? g + momentum * v : v). `velocity` starts as zeros. learningRate comes with the run. */
export interface Sgd {
  readonly kernel: 'sgd'
  readonly elements: number
  readonly momentum: number
  readonly weightDecay: number
  readonly nesterov: boolean
  readonly parameters: Ref
  readonly gradients: Ref
  readonly velocity: Ref
}

export type KernelCall =
  | ConvolutionForward
  | ConvolutionBackward
  | AveragePoolForward
  | AveragePoolBackward
  | MaxPoolForward
  | MaxPoolBackward
  | LinearForward
  | LinearBackward
  | CrossEntropy
  | RunningStatistics
  | Sgd

export type KernelName = KernelCall['kernel']

/** Every buffer number that a call names. */
export function buffersOf(call: KernelCall): Set<number> {
  const found = new Set<number>()
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'buffer') found.add(inner as number)
      else visit(inner)
    }
  }
  visit(call)
  return found
}
