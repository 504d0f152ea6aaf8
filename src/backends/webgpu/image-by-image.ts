// Programs that take means over what their calls see, statistics or the loss of all pixels, of each image: they are run for one image after
// the other, in buffers of one image, to which and from which it is copied.
import type { Bindings, RunArguments } from '../../engine/backend.js'
import { bufferOf, operandsOf } from '../../engine/operands.js'
import type { ElementType, ExternalRole, Program } from '../../engine/program.js'
import { WebGpuBuffer } from './buffer.js'
import type { OpenDevice } from './device.js'

export interface WebGpuExecutable {
  run(args: RunArguments): Promise<void>
  /** As run(); resolves to the seconds of each of the program's calls. */
  profile(args: RunArguments): Promise<Float64Array>
  dispose(): void
}

/** Of one image. */
interface Share {
  readonly role: ExternalRole
  readonly elements: number
  readonly elementType: ElementType
  readonly read: boolean
  readonly written: boolean
}

/** What such a program reads and writes of each image. */
export function sharesOf(program: Program): Share[] {
  const operands = program.calls.flatMap(call => operandsOf(call, 1))
  return program.buffers.flatMap(({ role, elements, perImage, elementType = 'float32' }, number) => {
    const own = operands.filter(operand => bufferOf(operand) === number)
    if (role === 'transient' || !perImage || own.length === 0) return []
    const read = own.some(({ access }) => access !== 'write')
    return [{ role, elements, elementType, read, written: own.some(({ access }) => access !== 'read') }]
  })
}

export const forOneImage = (program: Program): Program => ({ ...program, batchSize: 1, imageByImage: false })

/** `compileWith` compiles the program of one image with buffers of its own; `bound` gives those of all images. */
export async function imageByImage(
  program: Program,
  opened: OpenDevice,
  compileWith: (one: Program, own: Bindings) => Promise<WebGpuExecutable>,
  bound: (role: ExternalRole, elementType: ElementType) => WebGpuBuffer,
): Promise<WebGpuExecutable> {
  const shares = sharesOf(program).map(share => {
    const { role, elements, elementType } = share
    return { ...share, all: bound(role, elementType), own: new WebGpuBuffer(opened, elements, elementType) }
  })
  const disposeOwn = (): void => {
    for (const { own } of shares) own.dispose()
  }
  try {
    await Promise.all(shares.map(({ own }) => own.ready()))
    const one = await compileWith(forOneImage(program), Object.fromEntries(shares.map(({ role, own }) => [role, own])))
    const forEach = async (batch: number, run: () => Promise<void>): Promise<void> => {
      for (let image = 0; image < batch; image++) {
        for (const { read, all, own, elements } of shares) {
          if (read) await all.copy(own, image * elements, 0, elements)
        }
        await run()
        for (const { written, all, own, elements } of shares) {
          if (written) await own.copy(all, 0, image * elements, elements)
        }
      }
    }
    return {
      run: args => forEach(args.batch, () => one.run({ ...args, batch: 1 })),
      async profile(args) {
        const seconds = new Float64Array(program.calls.length)
        await forEach(args.batch, async () => {
          for (const [i, some] of (await one.profile({ ...args, batch: 1 })).entries()) seconds[i]! += some
        })
        return seconds
      },
      dispose() {
        one.dispose()
        disposeOwn()
      },
    }
  } catch (error) {
    disposeOwn()
    throw error
  }
}
