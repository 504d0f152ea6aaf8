// The curves of a training that is watched, as the charts draw them.
import { signal } from '@preact/signals'
import type { StepMetric } from '../../src/dashboard/api.js'
import type { TrainingEvent } from '../../src/training/events.js'
import type { Line, Metric } from '../curves/lines.js'
import { bucketWidth } from '../curves/view.js'

type Watched = Exclude<StepMetric, 'memory'>
const none = (): Record<Watched, number[]> => ({ loss: [], error: [], learningRate: [], throughput: [] })
const DRAWN_EVERY_MILLISECONDS = 200

interface Evaluated {
  readonly step: number
  readonly loss: number
  readonly error: number
}

export class Curves {
  /** Changes when there is more to draw. */
  readonly version = signal(0)
  #steps = none()
  #first = 1
  #evaluated: Evaluated[] = []
  #waiting = false

  clear(): void {
    this.#steps = none()
    this.#evaluated = []
    this.#first = 1
    this.version.value++
  }

  hear(event: TrainingEvent): void {
    if (event.type === 'start') this.#first = event.step + 1
    else if (event.type === 'step') {
      this.#steps.loss.push(event.loss)
      this.#steps.error.push(event.top1Error)
      this.#steps.learningRate.push(event.learningRate)
      this.#steps.throughput.push(event.images / event.seconds)
    } else if (event.type === 'epoch' && event.test) {
      this.#evaluated.push({ step: event.step, loss: event.test.loss, error: event.test.top1Error })
    }
    if (this.#waiting) return
    this.#waiting = true
    setTimeout(() => {
      this.#waiting = false
      this.version.value++
    }, DRAWN_EVERY_MILLISECONDS)
  }

  get steps(): number {
    return this.#first - 1 + this.#steps.loss.length
  }

  /** `on`: which images it is evaluated on. */
  lines({ id, ofTest }: Metric, on: 'test' | 'validation'): Line[] {
    const values = this.#steps[id as Watched]
    const width = bucketWidth(values.length)
    const buckets = Array.from({ length: Math.ceil(values.length / width) }, (_, i) =>
      values.slice(i * width, (i + 1) * width),
    )
    const common = { run: '', colour: 'run-1' }
    const train: Line = {
      ...common,
      kind: 'train',
      xs: buckets.map((_, i) => this.#first + i * width + (width - 1) / 2),
      ys: buckets.map(bucket => bucket.reduce((sum, value) => sum + value, 0) / bucket.length),
      least: width > 1 ? buckets.map(bucket => Math.min(...bucket)) : null,
      most: width > 1 ? buckets.map(bucket => Math.max(...bucket)) : null,
    }
    if (this.#evaluated.length === 0 || ofTest === null) return values.length === 0 ? [] : [train]
    const xs = this.#evaluated.map(({ step }) => step)
    const ys = this.#evaluated.map(point => point[id as 'loss' | 'error'])
    return [train, { ...common, kind: on, xs, ys, least: null, most: null }]
  }
}
