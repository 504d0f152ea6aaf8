// Memory of a GPU: one of its buffers, or, where that may not be so large, several, one after the other.
import type { DeviceBuffer, Numbers } from '../../engine/backend.js'
import { DenseNetError, parameterError } from '../../errors.js'
import { megabytes } from './bindings.js'
import type { OpenDevice } from './device.js'
import { type CommandEncoder, type GpuBuffer, MAP_READ, USAGE } from './platform.js'

const FLOAT = 4
const STORAGE = USAGE.storage | USAGE.copySource | USAGE.copyTarget

export class WebGpuBuffer implements DeviceBuffer {
  readonly elementType = 'float32'
  readonly opened: OpenDevice
  /** Elements of every page but the last. */
  readonly pageElements: number
  #pages: readonly GpuBuffer[] | null
  /** What became of the allocation; the GPU says it later. */
  readonly #allocated: Promise<string | null>

  constructor(
    opened: OpenDevice,
    readonly elements: number,
  ) {
    if (!Number.isSafeInteger(elements) || elements < 0) throw parameterError('elements', 'a whole number', elements)
    opened.check()
    this.opened = opened
    const { device } = opened
    this.pageElements = pageElementsOf(device.limits)
    device.pushErrorScope('out-of-memory')
    try {
      const sizes = Array.from({ length: Math.max(1, Math.ceil(elements / this.pageElements)) }, (_, i) =>
        Math.max(1, Math.min(this.pageElements, elements - i * this.pageElements)),
      )
      this.#pages = sizes.map(size => device.createBuffer({ size: FLOAT * size, usage: STORAGE }))
    } finally {
      this.#allocated = device.popErrorScope().then(
        error => error?.message ?? null,
        () => null,
      )
    }
  }

  /** Resolves when the memory is there. */
  async ready(): Promise<void> {
    if ((await this.#allocated) === null) return
    throw new DenseNetError(`there is not enough memory on the GPU for ${megabytes(FLOAT * this.elements)}`, {
      hint: 'use a smaller --batch-size, or --memory recompute',
    })
  }

  get pages(): readonly GpuBuffer[] {
    if (this.#pages === null) throw new DenseNetError('this buffer was disposed of and cannot be used any more')
    return this.#pages
  }

  async write(data: ArrayLike<number>, offset = 0): Promise<void> {
    this.#checkRange(offset, data.length)
    await this.ready()
    this.opened.check()
    // Node's package reads shared memory from a wrong address.
    const own = data instanceof Float32Array && data.buffer instanceof ArrayBuffer
    const numbers = own ? data : new Float32Array(data)
    for (const { page, from, start, count } of this.#spans(offset, data.length)) {
      this.opened.device.queue.writeBuffer(page, FLOAT * from, numbers, start, count)
    }
  }

  async read(offset = 0, count = this.elements - offset, into?: Numbers): Promise<Numbers> {
    this.#checkRange(offset, count)
    this.opened.check()
    const result = into instanceof Float32Array && into.length === count ? into : new Float32Array(count)
    if (count === 0) return result
    const { device } = this.opened
    const staging = device.createBuffer({ size: FLOAT * count, usage: USAGE.mapRead | USAGE.copyTarget })
    try {
      const encoder = device.createCommandEncoder()
      for (const { page, from, start, count: some } of this.#spans(offset, count)) {
        encoder.copyBufferToBuffer(page, FLOAT * from, staging, FLOAT * start, FLOAT * some)
      }
      device.queue.submit([encoder.finish()])
      await staging.mapAsync(MAP_READ).catch(async (error: Error) => {
        // That it was lost is heard a moment later.
        await Promise.race([device.lost, new Promise(resolve => setTimeout(resolve, 100))])
        this.opened.check()
        throw new DenseNetError(`${megabytes(FLOAT * count)} cannot be read from the GPU (${error.message})`, {
          cause: error,
        })
      })
      this.opened.check()
      result.set(new Float32Array(staging.getMappedRange()))
      staging.unmap()
    } finally {
      staging.destroy()
    }
    return result
  }

  /** Copies `count` elements from `from` on to another buffer, from `to` on. */
  copy(encoder: CommandEncoder, other: WebGpuBuffer, from: number, to: number, count: number): void {
    for (const here of this.#spans(from, count)) {
      for (const there of other.#spans(to + here.start, here.count)) {
        const begin = FLOAT * (here.from + there.start)
        encoder.copyBufferToBuffer(here.page, begin, there.page, FLOAT * there.from, FLOAT * there.count)
      }
    }
  }

  dispose(): void {
    for (const page of this.#pages ?? []) page.destroy()
    this.#pages = null
  }

  /** The pieces of [offset, offset + count) in each page, and where they begin in the whole. */
  *#spans(offset: number, count: number): Generator<{ page: GpuBuffer; from: number; start: number; count: number }> {
    for (let start = 0; start < count; ) {
      const number = Math.floor((offset + start) / this.pageElements)
      const from = offset + start - number * this.pageElements
      const some = Math.min(count - start, this.pageElements - from)
      yield { page: this.pages[number]!, from, start, count: some }
      start += some
    }
  }

  #checkRange(offset: number, count: number): void {
    if (Number.isInteger(offset) && offset >= 0 && count >= 0 && offset + count <= this.elements) return
    throw new DenseNetError(`elements ${offset} to ${offset + count} are outside a buffer of ${this.elements} elements`)
  }
}

/** The most elements of one buffer, a multiple of what windows are aligned to. */
const pageElementsOf = ({ maxBufferSize }: { readonly maxBufferSize: number }): number =>
  Math.floor(maxBufferSize / 256) * (256 / FLOAT)
