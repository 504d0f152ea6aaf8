// A layer of a network: what it reads, what it makes, and the operations in between.
import type { Maps, Part } from './parts.js'

/** A layer's output for one image is [channels][height][width]. */
export interface FeatureLayer extends Maps {
  readonly name: string
}

/** One layer of an architecture: what it is called, what it has, what it makes. */
export interface Layer {
  /** For the planner, which alone knows what can be done with the layer as a whole. */
  readonly kind: string
  /** torchvision's. */
  readonly name: string
  /** "block 1, layer 3" */
  readonly title: string
  /** What it is counted with: "block 1"; its title, where it stands alone. */
  readonly group: string
  /** From 1; of what lies between blocks the one before it; 0 before the first. */
  readonly block: number
  /** The last of the channels that the layer before it makes: all of them, unless it has a skip. */
  readonly input: Maps
  /** What the next layer reads. */
  readonly output: Maps
  /** In the order they are applied. */
  readonly parts: readonly Part[]
  /** Whether its output is its input with what its parts make behind it. */
  readonly concatenates: boolean
  /** Name of the layer whose output comes before what its parts make, in its own output. */
  readonly skip?: string
  /** What can be read of it, in the order of computation. */
  readonly features: readonly FeatureLayer[]
}
