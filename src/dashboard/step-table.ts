// All steps of a run as columns of numbers: 24 bytes a step, so that a million of them are nothing.
import type { StepMetric } from './api.js'

/** `pace`: seconds an image, the inverse of the throughput, since that is what may be averaged over steps. */
const columns = ['loss', 'error', 'learningRate', 'pace', 'memory'] as const
export type Column = (typeof columns)[number]
export const columnOf = (metric: StepMetric): Column => (metric === 'throughput' ? 'pace' : metric)

const FIRST_SIZE = 1024

export class StepTable {
  length = 0
  #steps = new Uint32Array(FIRST_SIZE)
  #columns = Object.fromEntries(columns.map(name => [name, new Float32Array(FIRST_SIZE)])) as Record<
    Column,
    Float32Array
  >

  /** Rising numbers of the steps. */
  get steps(): Uint32Array {
    return this.#steps.subarray(0, this.length)
  }

  column(name: Column): Float32Array {
    return this.#columns[name].subarray(0, this.length)
  }

  get lastStep(): number {
    return this.length === 0 ? 0 : this.#steps[this.length - 1]!
  }

  /** NaN for what is not known. A step that was there already, or comes after it, is replaced: a run that goes on from
   * an earlier checkpoint makes its steps again. */
  add(step: number, values: Readonly<Record<Column, number>>): void {
    if (step <= this.lastStep) this.length = this.indexOf(step)
    if (this.length === this.#steps.length) this.#grow()
    this.#steps[this.length] = step
    for (const name of columns) this.#columns[name][this.length] = values[name]
    this.length++
  }

  clear(): void {
    this.length = 0
  }

  /** Of the first row whose step is at least `step`. */
  indexOf(step: number): number {
    let [low, high] = [0, this.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#steps[middle]! < step) low = middle + 1
      else high = middle
    }
    return low
  }

  #grow(): void {
    const size = 2 * this.#steps.length
    const larger = <T extends Uint32Array | Float32Array>(to: T, from: T): T => {
      to.set(from)
      return to
    }
    this.#steps = larger(new Uint32Array(size), this.#steps)
    for (const name of columns) this.#columns[name] = larger(new Float32Array(size), this.#columns[name])
  }
}
