// Checkpoints (fitting/checkpoint.ts) as files.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { DenseNetError, usageError } from '../errors.js'
import * as fitting from '../fitting/checkpoint.js'
import { writeFileAtomically } from '../node/files.js'

const sha256 = () => createHash('sha256')

/** Writes a checkpoint whole or not at all. `keep`: the name under which the file that was there goes on. Throws a
 * sentence when it cannot be written. */
export async function writeCheckpoint(path: string, checkpoint: fitting.Checkpoint, keep?: string): Promise<void> {
  // Nobody else writes there, and what a kill leaves has a name that the next writing takes.
  await writeFileAtomically(path, fitting.encodeCheckpoint(checkpoint, sha256), keep, `${path}.new`)
}

/** Throws a sentence when the file is missing, damaged or not a checkpoint of ours. */
export async function readCheckpoint(path: string): Promise<fitting.Checkpoint> {
  return fitting.decodeCheckpoint(await readWhole(path), path, sha256)
}

async function readWhole(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'ENOENT') throw new DenseNetError(`there is no checkpoint ${path}`, { cause })
    if (code === 'EISDIR') throw usageError(`${path} is a folder, not a checkpoint`)
    throw new DenseNetError(`cannot read ${path}: ${(cause as Error).message}`, { cause })
  }
}
