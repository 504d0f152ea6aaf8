// What a training needs that differs from place to place: batches made ready, data sets recognised, runs kept, memory.
// runs/place.ts is Node's, browser/place.ts a browser's.
import type { CreateLoader } from '../batches/loader.js'
import type { DecodeMask } from '../batches/mask-writer.js'
import type { Dataset } from '../images/dataset.js'
import type { DatasetIdentity } from '../images/identity.js'
import type { DenseNetConfig } from '../model/config.js'
import type { TrainingEvent } from '../training/events.js'
import type { Progress } from '../training/progress.js'
import type { Recipe } from '../training/recipe.js'
import type { SaveKind } from '../training/trainer.js'
import type { Checkpoint } from './checkpoint.js'
import type { Machine } from './memory.js'
import type { RunSettings } from './settings.js'

export interface Place {
  readonly createLoader: CreateLoader
  /** Null: there are no masks here. */
  readonly decodeMask: DecodeMask | null
  identify(train: Dataset, test: Dataset | null): Promise<DatasetIdentity>
  /** A new run. Refuses a folder that holds one. */
  createRun(path: string, settings: RunSettings, recipe: Recipe, config: DenseNetConfig): Promise<Run>
  /** The run in `path`, to go on with. `onWarning` hears of everything that is damaged. Throws a sentence when there is
   * nothing to go on with, or another process trains there. */
  openRun(path: string, onWarning: (message: string) => void): Promise<OpenRun>
  /** Event files for TensorBoard; null: there are none. */
  readonly boards: Boards | null
  readonly machine: Machine
  /** Bytes that the whole process has resident; absent: not known. */
  readonly memoryBytes?: () => number
}

/** A checkpoint that a run can go on from. */
export type Standing = Checkpoint & { readonly recipe: Recipe; readonly progress: Progress }

/** A run in its folder, which is nobody else's until `close`. */
export interface Run {
  readonly path: string
  /** What was asked for. */
  readonly settings: RunSettings
  /** Where it stood when it was opened, with its recipe, network and data set; null: it is new. */
  readonly checkpoint: Standing | null
  /** Opens the log for a run that goes on, dropping the lines after its checkpoint. */
  continueLog(from: Pick<Progress, 'logBytes' | 'step'>, onWarning: (message: string) => void): Promise<void>
  /** Adds an event to the log. */
  record(event: TrainingEvent): void
  /** Saves a checkpoint; resolves to its path. */
  save(kind: SaveKind, checkpoint: Checkpoint): Promise<string>
  /** Closes the log and gives the folder free. */
  close(): Promise<void>
}

/** A run to go on with. */
export type OpenRun = Run & { readonly checkpoint: Standing }

export interface Boards {
  /** Where a run that is asked for writes them; undefined: nowhere. A usage error when it cannot be there. */
  folder(asked: boolean | string | undefined, run: string | undefined, goesOn: boolean): Promise<string | undefined>
  /** `voidFrom`: of a run that goes on, the first step that is made anew. */
  open(folder: string, voidFrom: number | null, onWarning: (message: string) => void): Promise<Board>
}

export interface Board {
  write(event: TrainingEvent): void
  /** What training will see of some images. */
  draw(dataset: Dataset, recipe: Recipe): Promise<void>
  /** Resolves when everything so far is written, or was given up. */
  flush(): Promise<void>
  close(): Promise<void>
}
