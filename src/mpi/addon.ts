// The only typed face of the addon that speaks with MPI (native/mpi.cc), and how it is found.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { DenseNetError } from '../errors.js'

export interface MpiAddon {
  /** Loads a library and begins; `finished` hears of each exchange. A text says why it cannot. */
  join(library: string, finished: (id: number) => void): [rank: number, size: number, version: string] | string
  /** The arrays must live until it is finished. Whoever does not answer for so many seconds ends all ranks. */
  exchange(
    id: number,
    outgoing: readonly Uint8Array[],
    incoming: readonly Uint8Array[],
    channel: number,
    seconds: number,
  ): void
  /** Waits for all others to do so. */
  leave(): void
  /** Ends all ranks, with this exit code here. */
  abort(code: number): never
}

export function loadMpiAddon(): MpiAddon {
  const path = fileURLToPath(
    new URL(`../../native/build/${process.platform}-${process.arch}/mpi.node`, import.meta.url),
  )
  try {
    return createRequire(import.meta.url)(path) as MpiAddon
  } catch (error) {
    throw new DenseNetError(
      `there is nothing here that could speak with MPI (${(error as Error).message.split('\n')[0]})`,
      {
        hint: 'several ranks need Linux on x64 or arm64; in a clone of the repository build it with: npm run build:native',
        cause: error,
      },
    )
  }
}
