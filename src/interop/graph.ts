// The operations that a file lists beside its tensors: whether they are a DenseNet's, and what only they tell of it.
import { DenseNetError } from '../errors.js'
import type { CeilPools } from '../model/config.js'
import type { LayerInFile } from './weight-file.js'

/** Pixels of a window's side, between two of its places, and around the maps. */
interface Window {
  readonly size: number
  readonly stride: number
  readonly padding: number
}

interface Node {
  readonly name: string
  /** Whose outputs it reads: their places in the list; -1: what comes from outside. */
  readonly inputs: readonly number[]
}

/** An operation of a file, after those whose outputs it reads. */
export type GraphNode =
  | (Node & { readonly op: 'convolution'; readonly window: Window })
  | (Node & { readonly op: 'norm'; readonly epsilon: number })
  /** Of the whole map: no window. `ceil`: the pixels left over at its end make a window, too. */
  | (Node & { readonly op: 'maxPool' | 'averagePool'; readonly window: Window | null; readonly ceil: boolean })
  /** `nothing`: once trained, its output is its input. */
  | (Node & { readonly op: 'linear' | 'relu' | 'concat' | 'nothing' })

export interface GraphFacts {
  readonly layers: readonly LayerInFile[]
  readonly bnEpsilon: number | null
  readonly newestFirst: boolean
  readonly ceilPools: CeilPools
}

/** Throws a sentence where the operations are no DenseNet's. */
export function graphFacts(nodes: readonly GraphNode[], file: string): GraphFacts {
  const ofOp = <O extends GraphNode['op']>(...ops: O[]) =>
    nodes.filter((node): node is Extract<GraphNode, { op: O }> => (ops as string[]).includes(node.op))
  const last = nodes.findLastIndex(({ op }) => op === 'norm')
  // What reads the mean of the last maps is a linear layer, even if it is called a convolution.
  const layers = nodes.flatMap((node, i): LayerInFile[] => {
    const { op, name } = node
    if (op === 'convolution') return [{ name, kind: i > last ? 'linear' : op }]
    return op === 'norm' || op === 'linear' ? [{ name, kind: op }] : []
  })
  const refuse = (why: string): DenseNetError =>
    new DenseNetError(`${file} is no DenseNet that can be run here: ${why}`)
  const norms = ofOp('norm')
  const activations = ofOp('relu').length
  if (activations !== norms.length) throw refuse(`it has ${norms.length} batch norms and ${activations} ReLUs`)
  const inner = nodes.slice(0, Math.max(0, last))
  for (const node of inner) {
    const wrong = windowProblem(node)
    if (wrong !== null) throw refuse(`${node.name} is ${wrong}`)
  }
  const epsilons = new Set(norms.map(({ epsilon }) => epsilon))
  if (epsilons.size > 1) throw refuse(`its batch norms have different epsilons: ${[...epsilons].join(', ')}`)
  const rounding = (op: 'maxPool' | 'averagePool'): boolean | null => {
    const ways = new Set(inner.flatMap(node => (node.op === op ? [node.ceil] : [])))
    if (ways.size > 1) throw refuse('some of its pools round up and some down')
    return [...ways][0] ?? null
  }
  const [max, average] = [rounding('maxPool'), rounding('averagePool')]
  if (max === true && average === false) throw refuse('its max pool rounds up, its other pools down')
  return {
    layers,
    bnEpsilon: [...epsilons][0] ?? null,
    newestFirst: isNewestFirst(ofOp('concat'), refuse),
    ceilPools: max === true ? 'all' : average === true ? 'transitions' : 'none',
  }
}

const WINDOWS = {
  maxPool: ({ size, stride, padding }: Window) => size === 3 && stride === 2 && padding === 1,
  averagePool: ({ size, stride, padding }: Window) => size === 2 && stride === 2 && padding === 0,
  convolution: ({ size, stride, padding }: Window) =>
    stride === (size === 7 ? 2 : 1) && padding === Math.floor(size / 2),
}

/** How an operation before the last norm differs from a DenseNet's, as the end of a sentence. */
function windowProblem(node: GraphNode): string | null {
  if (!('window' in node)) return null
  const { op, window } = node
  const words = { convolution: 'convolution', maxPool: 'max pool', averagePool: 'average pool' }[op]
  if (window === null) return `a ${words} over whole maps`
  const { size, stride, padding } = window
  return WINDOWS[op](window) ? null : `a ${words} ${size} x ${size}, stride ${stride}, padding ${padding}`
}

/** Whether what was made last comes first where maps are put together. */
function isNewestFirst(concats: readonly Node[], refuse: (why: string) => DenseNetError): boolean {
  const orders = new Set(
    concats.map(({ inputs }) => {
      if (inputs.every((node, i) => i === 0 || node > inputs[i - 1]!)) return false
      if (inputs.every((node, i) => i === 0 || node < inputs[i - 1]!)) return true
      throw refuse('its layers concatenate in no order')
    }),
  )
  if (orders.size > 1) throw refuse('some of its layers concatenate [old, new] and some [new, old]')
  return [...orders][0] ?? false
}
