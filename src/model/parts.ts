// What layers are made of: operations as plain data, with geometry, shapes, tensors and cost. Whoever counts, names, reads
// or writes a network goes through these and need not know what kind of layer they belong to.

/** In pixels. */
export interface Size {
  readonly height: number
  readonly width: number
}

/** Feature maps of one image: [channels][height][width]. */
export interface Maps extends Size {
  readonly channels: number
}

export type ParameterRole = 'convolution' | 'gamma' | 'beta' | 'weight' | 'bias'

/** A tensor of parameters, or of running statistics. */
export interface TensorShape {
  readonly name: string
  readonly shape: readonly number[]
}

export interface ParameterShape extends TensorShape {
  readonly role: ParameterRole
}

interface Common {
  /** torchvision's; of what has none there, in its manner. */
  readonly name: string
  /** "convolution 3 x 3, stride 2" */
  readonly title: string
  readonly input: Maps
  readonly output: Maps
  readonly parameters: readonly ParameterShape[]
  /** A batch norm's running statistics. */
  readonly running: readonly TensorShape[]
  /** For one image; of convolutions and linear layers alone, as the published figures are. */
  readonly multiplyAdds: number
}

interface Window {
  /** Pixels of its side, between two of its places, and of zeros around the maps. */
  readonly size: number
  readonly stride: number
  readonly padding: number
}

/** With a bias where `parameters` have one. */
export interface Convolution extends Common, Window {
  readonly kind: 'convolution'
}

/** With bias; of its last rows and columns those that `output` has not are left out. Its weight is [in][out][size][size]. */
export interface TransposedConvolution extends Common, Window {
  readonly kind: 'transposedConvolution'
}

export interface BatchNorm extends Common {
  readonly kind: 'norm'
}

export interface Pool extends Common, Window {
  readonly kind: 'maxPool' | 'averagePool'
  /** Whether pixels left over at the end of a map make a window, too. */
  readonly ceil: boolean
}

/** ReLU; dropout, which is nothing once trained; the mean over all pixels; a linear layer with bias, of one pixel. */
export interface PlainOperation extends Common {
  readonly kind: 'relu' | 'dropout' | 'globalPool' | 'linear'
}

/** An operation of a layer. */
export type Part = Convolution | TransposedConvolution | BatchNorm | Pool | PlainOperation

/** A part, once it is known what it reads. */
type Make = (input: Maps) => Part

/** Parts one after the other: each reads what the one before it makes. */
export function chain(input: Maps, ...makes: readonly Make[]): Part[] {
  const parts: Part[] = []
  for (const make of makes) parts.push(make(parts.at(-1)?.output ?? input))
  return parts
}

const NOTHING = { parameters: [], running: [], multiplyAdds: 0 } as const

/** Pads so that with stride 1 maps keep their size. */
export const convolution =
  (name: string, channels: number, size: number, stride = 1, bias = false): Make =>
  input => {
    const window = { size, stride, padding: Math.floor(size / 2) }
    const output = { channels, ...windows(input, window) }
    const shape = [channels, input.channels, size, size]
    return {
      kind: 'convolution',
      name,
      ...window,
      input,
      output,
      running: [],
      title: `convolution ${size} x ${size}${stride > 1 ? `, stride ${stride}` : ''}`,
      parameters: [
        { name: `${name}.weight`, role: 'convolution', shape },
        ...(bias ? [{ name: `${name}.bias`, role: 'bias', shape: [channels] } as const] : []),
      ],
      multiplyAdds: product(shape) * output.height * output.width,
    }
  }

/** Of stride 2 and as many channels, to maps of `to`. */
export const transposedConvolution =
  (name: string, size: number, to: Size): Make =>
  input => {
    const { channels } = input
    const shape = [channels, channels, size, size]
    return {
      kind: 'transposedConvolution',
      name,
      ...{ size, stride: 2, padding: 0 },
      input,
      output: { channels, height: to.height, width: to.width },
      running: [],
      title: `transposed convolution ${size} x ${size}, stride 2`,
      parameters: [
        { name: `${name}.weight`, role: 'convolution', shape },
        { name: `${name}.bias`, role: 'bias', shape: [channels] },
      ],
      multiplyAdds: product(shape) * input.height * input.width,
    }
  }

export const batchNorm =
  (name: string): Make =>
  input => {
    const shape = [input.channels]
    return {
      kind: 'norm',
      name,
      title: 'batch norm',
      input,
      output: input,
      multiplyAdds: 0,
      parameters: [
        { name: `${name}.weight`, role: 'gamma', shape },
        { name: `${name}.bias`, role: 'beta', shape },
      ],
      running: ['running_mean', 'running_var'].map(field => ({ name: `${name}.${field}`, shape })),
    }
  }

export const relu =
  (name = 'relu'): Make =>
  input => ({ kind: 'relu', name, title: 'ReLU', input, output: input, ...NOTHING })

/** None at rate 0. */
export const dropout = (rate: number): Make[] =>
  rate > 0
    ? [input => ({ kind: 'dropout', name: 'dropout', title: `dropout ${rate}`, input, output: input, ...NOTHING })]
    : []

const pool =
  (kind: Pool['kind'], words: string, name: string, window: Window, ceil: boolean): Make =>
  input => {
    const { size, stride } = window
    const title = `${words} ${size} x ${size}${stride === size ? '' : `, stride ${stride}`}`
    const output = { channels: input.channels, ...windows(input, window, ceil) }
    return { kind, name, title, ...window, ceil, input, output, ...NOTHING }
  }

export const maxPool = (name: string, window: Window, ceil = false): Make =>
  pool('maxPool', 'max pool', name, window, ceil)

/** Windows side by side. */
export const averagePool = (name: string, size: number, ceil = false): Make =>
  pool('averagePool', 'average pool', name, { size, stride: size, padding: 0 }, ceil)

export const globalPool =
  (name: string): Make =>
  input => {
    const output = { channels: input.channels, height: 1, width: 1 }
    return { kind: 'globalPool', name, title: 'global average pool', input, output, ...NOTHING }
  }

export const linear =
  (name: string, outputs: number): Make =>
  input => {
    const shape = [outputs, input.channels]
    return {
      kind: 'linear',
      name,
      title: 'linear',
      input,
      output: { channels: outputs, height: 1, width: 1 },
      parameters: [
        { name: `${name}.weight`, role: 'weight', shape },
        { name: `${name}.bias`, role: 'bias', shape: [outputs] },
      ],
      running: [],
      multiplyAdds: product(shape),
    }
  }

function windows({ height, width }: Size, { size, stride, padding }: Window, ceil = false): Size {
  const round = ceil ? Math.ceil : Math.floor
  const along = (pixels: number): number => round((pixels + 2 * padding - size) / stride) + 1
  return { height: along(height), width: along(width) }
}

export const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

/** Those of one kind, in their order. */
export const partsOf = <K extends Part['kind']>(parts: readonly Part[], kind: K): (Part & { readonly kind: K })[] =>
  parts.filter((part): part is Part & { readonly kind: K } => part.kind === kind)

/** The first whose outputs are sums over channels, a convolution or linear layer; what comes before it keeps them apart. */
export const mixing = (parts: readonly Part[]): Part => parts.find(({ multiplyAdds }) => multiplyAdds > 0)!

/** Parameters, and multiply-adds for one image, of all parts. */
export function costOf(parts: readonly Part[]): { readonly parameters: number; readonly multiplyAdds: number } {
  const tensors = parts.flatMap(({ parameters }) => parameters)
  return {
    parameters: tensors.reduce((sum, { shape }) => sum + product(shape), 0),
    multiplyAdds: parts.reduce((sum, part) => sum + part.multiplyAdds, 0),
  }
}

/** Batch norms that directly follow a convolution, with it: once trained they can be folded into it. */
export function foldableNorms(parts: readonly Part[]): [Convolution, BatchNorm][] {
  const trained = parts.filter(({ kind }) => kind !== 'dropout')
  return trained.flatMap((part, i): [Convolution, BatchNorm][] => {
    const next = trained[i + 1]
    return part.kind === 'convolution' && next?.kind === 'norm' ? [[part, next]] : []
  })
}
