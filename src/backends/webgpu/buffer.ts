// Memory of a GPU: one of its buffers, or, where that may not be so large, several, one after the other.
import type { DeviceBuffer, ElementType, Numbers } from '../../engine/backend.js'
import { fromBfloat16, toBfloat16 } from '../../engine/bfloat16.js'
import { bytesPerElement } from '../../engine/program.js'
import { DenseNetError, parameterError } from '../../errors.js'
import { megabytes } from './bindings.js'
import type { OpenDevice } from './device.js'
import { type GpuBuffer, MAP_READ, USAGE } from './platform.js'

/** Bytes of which there are always whole ones: of a buffer, of what is written, read and copied. */
const WORD = 4
const STORAGE = USAGE.storage | USAGE.copySource | USAGE.copyTarget

export class WebGpuBuffer implements DeviceBuffer {
  readonly opened: OpenDevice
  /** Of several pages all that they have: what may not lie on two of them leaves gaps. */
  readonly bytes: number
  /** The most of a page. */
  readonly pageBytes: number
  #pages: readonly GpuBuffer[] | null
  /** What became of the allocation; the GPU says it later. */
  readonly #allocated: Promise<string | null>

  constructor(
    opened: OpenDevice,
    readonly elements: number,
    readonly elementType: ElementType = 'float32',
  ) {
    if (!Number.isSafeInteger(elements) || elements < 0) throw parameterError('elements', 'a whole number', elements)
    opened.check()
    this.opened = opened
    const { device } = opened
    this.pageBytes = pageBytesOf(device.limits)
    const needed = Math.max(WORD, wholeWords(elements * bytesPerElement(this)))
    const pages = Math.ceil(needed / this.pageBytes)
    this.bytes = pages === 1 ? needed : pages * this.pageBytes
    device.pushErrorScope('out-of-memory')
    try {
      this.#pages = Array.from({ length: pages }, () =>
        device.createBuffer({ size: this.bytes / pages, usage: STORAGE }),
      )
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
    throw new DenseNetError(`there is not enough memory on the GPU for ${megabytes(this.bytes)}`, {
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
    if (this.elementType === 'bfloat16') return this.#writeHalves(toBfloat16(data), offset)
    // Node's package reads shared memory from a wrong address.
    const own = data instanceof Float32Array && data.buffer instanceof ArrayBuffer
    this.#writeBytes(own ? data : new Float32Array(data), WORD * offset)
  }

  async read(offset = 0, count = this.elements - offset, into?: Numbers): Promise<Numbers> {
    this.#checkRange(offset, count)
    this.opened.check()
    const result = into instanceof Float32Array && into.length === count ? into : new Float32Array(count)
    if (count === 0) return result
    if (this.elementType === 'bfloat16') return fromBfloat16(await this.#readHalves(offset, count), result)
    result.set(new Float32Array(await this.#readBytes(WORD * offset, WORD * count)))
    return result
  }

  /** Copies `count` elements from `from` on to another buffer of the same type, from `to` on. */
  async copy(other: WebGpuBuffer, from: number, to: number, count: number): Promise<void> {
    const size = bytesPerElement(this)
    const [begin, target, bytes] = [size * from, size * to, size * count]
    if ([begin, target, bytes].some(byte => byte % WORD !== 0)) return other.write(await this.read(from, count), to)
    const { device } = this.opened
    const encoder = device.createCommandEncoder()
    for (const here of this.#spans(begin, bytes)) {
      for (const there of other.#spans(target + here.start, here.count)) {
        encoder.copyBufferToBuffer(here.page, here.from + there.start, there.page, there.from, there.count)
      }
    }
    device.queue.submit([encoder.finish()])
  }

  /** Those that share a word with others leave these as they are. */
  async #writeHalves(halves: Uint16Array, offset: number): Promise<void> {
    const [first, end] = [offset - (offset % 2), offset + halves.length + ((offset + halves.length) % 2)]
    if (first === offset && end === offset + halves.length) return this.#writeBytes(halves, 2 * offset)
    const whole = await this.#readHalves(first, end - first)
    whole.set(halves, offset - first)
    this.#writeBytes(whole, 2 * first)
  }

  async #readHalves(offset: number, count: number): Promise<Uint16Array> {
    const before = offset % 2
    const bytes = await this.#readBytes(2 * (offset - before), wholeWords(2 * (before + count)))
    return new Uint16Array(bytes, 2 * before, count)
  }

  #writeBytes(data: Float32Array | Uint16Array, offset: number): void {
    for (const { page, from, start, count } of this.#spans(offset, data.byteLength)) {
      const size = data.BYTES_PER_ELEMENT
      this.opened.device.queue.writeBuffer(page, from, data, start / size, count / size)
    }
  }

  async #readBytes(offset: number, bytes: number): Promise<ArrayBuffer> {
    const { device } = this.opened
    const staging = device.createBuffer({ size: bytes, usage: USAGE.mapRead | USAGE.copyTarget })
    try {
      const encoder = device.createCommandEncoder()
      for (const { page, from, start, count } of this.#spans(offset, bytes)) {
        encoder.copyBufferToBuffer(page, from, staging, start, count)
      }
      device.queue.submit([encoder.finish()])
      await staging.mapAsync(MAP_READ).catch(async (error: Error) => {
        // That it was lost is heard a moment later.
        await Promise.race([device.lost, new Promise(resolve => setTimeout(resolve, 100))])
        this.opened.check()
        throw new DenseNetError(`${megabytes(bytes)} cannot be read from the GPU (${error.message})`, { cause: error })
      })
      this.opened.check()
      return staging.getMappedRange().slice(0)
    } finally {
      staging.destroy()
    }
  }

  dispose(): void {
    for (const page of this.#pages ?? []) page.destroy()
    this.#pages = null
  }

  /** The pieces of bytes [offset, offset + count) in each page, and where they begin in the whole. */
  *#spans(offset: number, count: number): Generator<{ page: GpuBuffer; from: number; start: number; count: number }> {
    for (let start = 0; start < count; ) {
      const number = Math.floor((offset + start) / this.pageBytes)
      const from = offset + start - number * this.pageBytes
      const some = Math.min(count - start, this.pageBytes - from)
      yield { page: this.pages[number]!, from, start, count: some }
      start += some
    }
  }

  #checkRange(offset: number, count: number): void {
    if (Number.isInteger(offset) && offset >= 0 && count >= 0 && offset + count <= this.elements) return
    throw new DenseNetError(`elements ${offset} to ${offset + count} are outside a buffer of ${this.elements} elements`)
  }
}

const wholeWords = (bytes: number): number => Math.ceil(bytes / WORD) * WORD

/** The most bytes of one buffer, a multiple of what windows are aligned to. */
const pageBytesOf = ({ maxBufferSize }: { readonly maxBufferSize: number }): number =>
  Math.floor(maxBufferSize / 256) * 256
