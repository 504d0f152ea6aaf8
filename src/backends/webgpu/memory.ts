// Where a program's transient buffers lie on a GPU. Programs that are made for one image at a time run the whole batch at once here, in
// an arena of their own, unless they take means (image-by-image.ts); and where an arena is several buffers, none of its own lies in two of them.
import { layOut, livesOf } from '../../engine/arena.js'
import type { Program } from '../../engine/program.js'
import { DenseNetError } from '../../errors.js'

/** Of a program for one image at a time: whether it must stay so, since its calls take means over what they see. */
export const staysImageByImage = ({ imageByImage, calls }: Program): boolean =>
  (imageByImage ?? false) &&
  calls.some(call => call.kernel === 'pixelCrossEntropy' || ('statistics' in call && call.statistics !== null))

/** The same program, if it sees all images already. */
export function wholeBatch(program: Program): Program {
  if (!program.imageByImage) return program
  const lives = livesOf(program.buffers, program.calls, program.batchSize)
  return { ...program, imageByImage: false, ...layOut(lives) }
}

/** Where a buffer begins, in bytes: in the arena, or in the memory of its role. */
export function placed({ buffers, offsets }: Program, buffer: number) {
  const { role } = buffers[buffer]!
  return role === 'transient' ? { memory: 'arena' as const, base: offsets[buffer]! } : { memory: role, base: 0 }
}

interface Paged {
  readonly bytes: number
  readonly pageBytes: number
}

/** Its transient buffers moved so that each lies in one page of the arena. */
export function onPages(program: Program, { bytes, pageBytes }: Paged): Program {
  if (bytes <= pageBytes) return program
  const { buffers, calls, wholeCalls = calls, batchSize } = program
  const lives = livesOf(buffers, wholeCalls, batchSize)
  const laid = layOut(lives, pageBytes)
  const fits = lives.every(life => life.bytes <= pageBytes) && laid.arenaBytes <= bytes
  if (fits) return { ...program, ...laid }
  throw new DenseNetError(
    `a batch of ${batchSize} images does not fit into buffers of ${Math.floor(pageBytes / 2 ** 20)} MB, this GPU's largest`,
    {
      hint: 'use a smaller --batch-size, or --memory recompute',
    },
  )
}
