// What one of several processes does of a gradient: see sharing.ts. It knows nothing of the others; who does brings it
// their numbers.
import type { Bindings, DeviceBuffer, Executable, Numbers } from './backend.js'
import type { SessionBatch, StepResult } from './batch.js'
import type { Program } from './program.js'
import { COPYING, type Part, type SharingPrograms } from './sharing.js'
import type { Stretch } from './update.js'

export interface SharedGradient {
  /** In the order in which the backward pass finishes them. */
  readonly parts: readonly Part[]
  /** The gradient of a batch's mean loss. `finished` hears of each part as soon as it can be read; the next one is computed
   * after it has returned. */
  gradient(batch: SessionBatch, key: DropoutKey, finished: (part: number) => Promise<void>): Promise<StepResult>
  /** Whose are which of the running statistics; null: none change. */
  readonly statistics: Part | null
  /** Enters those of a batch of so many images into the running ones, over one's own stretch. */
  enterStatistics(statistics: Numbers, images: number): Promise<void>
  /** Adds the gradient of a batch of so many images over one's own stretch; `first`: of an update, instead of the sum there was. */
  add(part: number, gradient: Numbers, batch: { readonly images: number; readonly first: boolean }): Promise<void>
  /** The mean of so many images over one's own stretch; in `into`. */
  mean(part: number, images: number, into?: Numbers): Promise<Numbers>
  /** A stretch; in `into`. */
  read(of: Shared, stretch: Stretch, into?: Numbers): Promise<Numbers>
  write(of: Shared, stretch: Stretch, values: Numbers): Promise<void>
}

type Shared = 'gradients' | 'accumulated' | 'batchStatistics' | 'running'

/** Keys of the dropout masks. */
interface DropoutKey {
  readonly seed: number
  readonly step: number
}

interface Resources {
  readonly buffers: Bindings
  readonly compile: (program: Program) => Promise<Executable>
  readonly load: (batch: SessionBatch) => Promise<void>
  readonly result: (size: number) => Promise<StepResult>
}

export async function createSharedGradient(
  { segments, parts, sums, statistics }: SharingPrograms,
  { buffers, compile, load, result }: Resources,
  rank: number,
): Promise<SharedGradient> {
  const passes: Executable[] = []
  for (const segment of segments) passes.push(await compile(segment))
  const blends: ({ add: Executable; mean: Executable } | null)[] = []
  for (const sum of sums) blends.push(sum && { add: await compile(sum.add), mean: await compile(sum.mean) })
  const enter = statistics?.enter && (await compile(statistics.enter))
  const buffer = (of: Shared): DeviceBuffer => buffers[of]!
  const own = (part: number): Stretch => parts[part]![rank]!
  const read: SharedGradient['read'] = (of, { offset, elements }, into) => buffer(of).read(offset, elements, into)
  return {
    parts,
    async gradient(batch, key, finished) {
      await load(batch)
      for (const [part, pass] of passes.entries()) {
        await pass.run({ batch: batch.size, ...key, ...COPYING })
        await finished(part)
      }
      return result(batch.size)
    },
    statistics: statistics?.stretches ?? null,
    async enterStatistics(values, images) {
      if (!enter) return
      await buffer('batchStatistics').write(values, statistics!.stretches[rank]!.offset)
      await enter.run({ batch: images })
    },
    async add(part, gradient, { images, first }) {
      if (!blends[part]) return
      await buffer('gradients').write(gradient, own(part).offset)
      await blends[part].add.run({ batch: 1, keep: first ? 0 : 1, add: images })
    },
    async mean(part, images, into) {
      await blends[part]?.mean.run({ batch: 1, keep: 0, add: 1 / images })
      return read('gradients', own(part), into)
    },
    read,
    write: (of, { offset }, values) => buffer(of).write(values, offset),
  }
}
