// The closed list of kernels: the one vocabulary of all backends. A call is a name, buffer numbers and plain numbers; vocabulary.ts
// has its fields as a table.
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

/** output[o] = dropout(sum_c weight[o][c] (*) z[c] + bias[o]), z = norm ? relu(norm(input)) : input; the padding is zeros of z.
 * weight is [out][in][size][size]; without `bias` it is 0. Dropout comes before the statistics are taken. With `foldedBias`, a
 * number per output channel, a batch norm and ReLU that follow are folded in: output[o] = relu(sum + foldedBias[o]). */
export interface ConvolutionForward extends Geometry {
  readonly kernel: 'convolutionForward'
  readonly input: View
  readonly norm: Norm | null
  readonly weight: Ref
  readonly bias?: Ref | null
  readonly foldedBias?: Ref | null
  readonly output: View
  readonly statistics: Statistics | null
  readonly dropout: Dropout | null
}

/** Inference: a dense layer with a bottleneck of `channels`, whose batch norm and ReLU are folded in. With z = relu(norm(input)),
 * y[b] = relu(sum_c weight[b][c] z[c] + foldedBias[b]) and output[o] = sum_b growthWeight[o][b] (*) y[b], of size 3, stride 1 and
 * padding 1. weight is [channels][in], growthWeight [out][channels][3][3]. */
export interface DenseLayerForward {
  readonly kernel: 'denseLayerForward'
  readonly input: View
  readonly norm: Norm
  readonly channels: number
  readonly weight: Ref
  readonly foldedBias: Ref
  readonly growthWeight: Ref
  readonly output: View
}

/** A DenseLayerForward in int8. Activations are whole numbers of 0 .. 127, q(z) = min(127, round(z)) with halves to even, where NaN
 * counts as 127; weights are whole numbers of -64 .. 64. So sums are exact, and the same everywhere. With z = relu(norm(input)),
 * y[b] = q(max(0, scale[b] (sum_c weight[b][c] q(z[c] / inputStep)) + foldedBias[b])) and
 * output[o] = growthScale[o] sum_b growthWeight[o][b] (*) y[b]. */
export interface QuantizedDenseLayerForward extends Omit<DenseLayerForward, 'kernel'> {
  readonly kernel: 'quantizedDenseLayerForward'
  readonly inputStep: number
  readonly scale: Ref
  readonly growthScale: Ref
}

/** Writes the weight's gradient, the bias', if there is one, and, unless inputGradient is null, the gradients of norm and input. */
export interface ConvolutionBackward extends Geometry {
  readonly kernel: 'convolutionBackward'
  readonly input: View
  readonly norm: Norm | null
  readonly weight: Ref
  readonly weightGradient: Ref
  readonly biasGradient?: Ref | null
  readonly outputGradient: OutputGradient
  readonly inputGradient: InputGradient | null
  readonly dropout: Dropout | null
}

/** output[o] at (stride i + y, stride j + x) = bias[o] + the sum of weight[c][o][y][x] input[c] at (i, j): each pixel adds a window
 * of size x size. weight is [in][out][size][size]. n rows make stride (n - 1) + size; `output` may have fewer, but more than
 * stride less: the last ones are left out. Columns alike. */
export interface TransposedConvolutionForward {
  readonly kernel: 'transposedConvolutionForward'
  readonly size: number
  readonly stride: number
  readonly input: View
  readonly weight: Ref
  readonly bias: Ref
  readonly output: View
  readonly statistics: Statistics | null
}

export interface TransposedConvolutionBackward {
  readonly kernel: 'transposedConvolutionBackward'
  readonly size: number
  readonly stride: number
  readonly input: View
  readonly weight: Ref
  readonly weightGradient: Ref
  readonly biasGradient: Ref
  readonly outputGradient: OutputGradient
  readonly inputGradient: { readonly gradient: View; readonly accumulate: boolean }
}

/** Means over windows of `windowHeight` x `windowWidth` that do not overlap. Rows and columns left over make smaller windows
 * where the output has a place for them, else they are ignored. */
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

/** Largest z of each window; the padding never wins. Rows and columns left over make windows where the output has a place
 * for them, else they are ignored. */
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

/** Per image n, with p = softmax(logits[n]) and the target q = (1 - smoothing) t + smoothing / classes, where t is 1 at
 * the label, or, where two images are mixed, `share` at the label and 1 - share at the other one:
 * loss[n] = -sum_c weight[c] q[c] log p[c]. rank[n] = how many classes score above the label's (that of the larger share;
 * a class of the same score counts if its number is smaller). gradient is that of sum_n loss[n] / batch:
 * (p[c] sum_k weight[k] q[k] - weight[c] q[c]) / batch. PyTorch's cross_entropy with probabilities as targets. Where a label is
 * no class the loss is NaN and the rank `classes`. */
export interface CrossEntropy {
  readonly kernel: 'crossEntropy'
  readonly logits: View
  /** Class numbers [batch]. */
  readonly labels: Ref
  /** The other label and the first one's share, 0 .. 1, of each image. */
  readonly mixed: { readonly labels: Ref; readonly share: Ref } | null
  readonly smoothing: number
  /** [classes]; null: all 1. */
  readonly classWeights: Ref | null
  readonly loss: Ref
  readonly rank: Ref
  readonly gradient: View | null
}

/** Cross entropy of every pixel. With p = softmax over the classes of a pixel of the label t, w = weight[t], of all pixels of the
 * batch: loss[n] = batch * (the sum over image n of -w log p[t]) / (the sum over the batch of w), so that the mean of loss is
 * PyTorch's cross_entropy with class numbers as targets; gradient is that of this mean: w (p - onehot(t)) / (the sum of w). Pixels with
 * a negative label are left out: their w is 0. Where w is 0 for all, loss and gradient are 0. A label of `classes` or more, or none
 * whole, makes the loss NaN. predicted is the class of the largest score of each pixel, the first of equal ones. */
export interface PixelCrossEntropy {
  readonly kernel: 'pixelCrossEntropy'
  readonly logits: View
  /** [batch][height][width] */
  readonly labels: Ref
  /** [classes]; null: all 1. */
  readonly classWeights: Ref | null
  readonly loss: Ref
  /** [batch][height][width] */
  readonly predicted: Ref
  readonly gradient: View | null
}

/** Every class for itself. Per image n, with q = (1 - smoothing) target + smoothing / 2 and s = 1 / (1 + exp(-logit)):
 * loss[n] = -mean_c weight[c] (q log s + (1 - q) log(1 - s)); rank[n] is CrossEntropy's where an
 * image has one label, otherwise how many classes have their logit on the wrong side of 0. gradient is that of sum_n loss[n] / batch: weight[c] (s - q) / (classes * batch).
 * A class whose target is NaN is not known: it adds 0 to loss and rank, and its gradient is 0. */
export interface BinaryCrossEntropy {
  readonly kernel: 'binaryCrossEntropy'
  readonly logits: View
  /** [batch][classes], 0 .. 1 or NaN */
  readonly targets: View
  /** Class numbers [batch]; null: an image may have several. */
  readonly labels: Ref | null
  readonly smoothing: number
  readonly classWeights: Ref | null
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

/** SGD as the original's (Torch optim.sgd, dampening 0): g += weightDecay * w; v = momentum * v + g;
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

/** AdamW (Loshchilov and Hutter 2019) as PyTorch's: w -= learningRate * weightDecay * w; m = beta1 m + (1 - beta1) g;
 * v = beta2 v + (1 - beta2) g^2; w -= learningRate * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon), t being the
 * run's step + 1. m is `firstMoment`, v `secondMoment`; both start as zeros. */
export interface AdamW {
  readonly kernel: 'adamW'
  readonly elements: number
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
  readonly parameters: Ref
  readonly gradients: Ref
  readonly firstMoment: Ref
  readonly secondMoment: Ref
}

/** RMSprop as PyTorch's: g += weightDecay * w; s = alpha s + (1 - alpha) g^2; v = momentum * v + g / (sqrt(s) + epsilon);
 * w -= learningRate * v. s is `secondMoment`, v `velocity`; both start as zeros. With `rooted` epsilon is inside the root, as
 * Lasagne has it: g / sqrt(s + epsilon). */
export interface RmsProp {
  readonly kernel: 'rmsProp'
  readonly elements: number
  readonly alpha: number
  readonly epsilon: number
  readonly rooted: boolean
  readonly momentum: number
  readonly weightDecay: number
  readonly parameters: Ref
  readonly gradients: Ref
  readonly secondMoment: Ref
  readonly velocity: Ref
}

/** Scales all gradients down when their Euclidean norm is above `limit`, as PyTorch's clip_grad_norm_:
 * g *= min(1, limit / (norm + 1e-6)). */
export interface ClipGradients {
  readonly kernel: 'clipGradients'
  readonly elements: number
  readonly limit: number
  readonly gradients: Ref
}

/** target = keep * target + add * source; both factors come with the run. With keep 0 the target is not read. */
export interface Blend {
  readonly kernel: 'blend'
  readonly elements: number
  readonly source: Ref
  readonly target: Ref
}

export interface Fill {
  readonly kernel: 'fill'
  readonly elements: number
  readonly value: number
  readonly target: Ref
}

export type KernelCall =
  | ConvolutionForward
  | ConvolutionBackward
  | DenseLayerForward
  | QuantizedDenseLayerForward
  | TransposedConvolutionForward
  | TransposedConvolutionBackward
  | AveragePoolForward
  | AveragePoolBackward
  | MaxPoolForward
  | MaxPoolBackward
  | LinearForward
  | LinearBackward
  | CrossEntropy
  | BinaryCrossEntropy
  | PixelCrossEntropy
  | RunningStatistics
  | Sgd
  | AdamW
  | RmsProp
  | ClipGradients
  | Blend
  | Fill

export type KernelName = KernelCall['kernel']
