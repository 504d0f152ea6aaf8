// The original Torch program's checkpoint folder: latest.t7 {epoch, modelFile, optimFile}, model_N.t7 with the network,
// optimState_N.t7 with what optim.sgd keeps, among it the momentum buffer dfdx in parameter order.
import { basename, join } from 'node:path'
import { DenseNetError } from '../errors.js'
import { damaged, isFloating } from '../interop/tensor.js'
import { isTensor, readTorch7, type Torch7Table } from '../interop/torch7.js'
import { isFile } from '../node/files.js'
import { readBytes } from './weight-files.js'

/** The file by which a checkpoint folder of the original program is known. */
export const ORIGINAL_LATEST = 'latest.t7'

export interface OriginalCheckpoint {
  /** Epochs that are done. */
  readonly epoch: number
  /** Path of the file with the network. */
  readonly model: string
  /** In parameter order; null before the first step. */
  readonly velocity: Float32Array | null
  readonly momentum: number
  readonly weightDecay: number
  readonly nesterov: boolean
}

/** Reads a checkpoint folder of the original program but for its network. Throws a sentence where one is damaged. */
export async function readOriginalCheckpoint(folder: string): Promise<OriginalCheckpoint> {
  const latestPath = join(folder, ORIGINAL_LATEST)
  const latest = await readTable(latestPath)
  const [epoch, modelFile, optimFile] = ['epoch', 'modelFile', 'optimFile'].map(key => latest.get(key))
  if (typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || epoch < 1) {
    throw damaged(latestPath, `its epoch is ${String(epoch)}`)
  }
  // Files of the same folder, whatever a hostile one may say.
  const inFolder = (name: unknown): string => {
    if (typeof name !== 'string' || basename(name) !== name || name.startsWith('.')) {
      throw damaged(latestPath, `it names the file ${JSON.stringify(name)}`)
    }
    return join(folder, name)
  }
  const optimPath = inFolder(optimFile)
  const state = await readTable(optimPath)
  const number = (key: string, otherwise: number): number => {
    const value = state.get(key)
    return typeof value === 'number' && Number.isFinite(value) ? value : otherwise
  }
  return {
    epoch,
    model: inFolder(modelFile),
    velocity: velocityOf(state, optimPath),
    momentum: number('momentum', 0.9),
    weightDecay: number('weightDecay', 1e-4),
    nesterov: state.get('nesterov') === true,
  }
}

/** Whether a folder is a checkpoint of the original program. */
export const isOriginalCheckpoint = (folder: string): Promise<boolean> => isFile(join(folder, ORIGINAL_LATEST))

async function readTable(path: string): Promise<Torch7Table> {
  const value = readTorch7(await readBytes(path), path)
  if (!(value instanceof Map)) throw new DenseNetError(`${path} holds no table: it is not the original program's`)
  return value
}

function velocityOf(state: Torch7Table, path: string): Float32Array | null {
  const buffer = state.get('dfdx') ?? null
  if (buffer === null) return null
  if (!isTensor(buffer) || !isFloating(buffer.data)) {
    throw damaged(path, 'its momentum is no tensor')
  }
  if (!buffer.data.every(Number.isFinite)) throw damaged(path, 'its momentum holds numbers that are not finite')
  return Float32Array.from(buffer.data)
}
