// The `layers` lines of a run's log: how weights and gradients of each tensor went, epoch by epoch.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { usageError } from '../errors.js'
import { LOG_FILE } from '../fitting/run-files.js'
import { fileError } from '../node/files.js'
import type { LayersEvent } from '../training/events.js'
import type { LayerStatistics } from '../training/layer-statistics.js'

/** Statistics of tensors over the epochs of a run. */
export interface LayerHistory {
  readonly epochs: readonly number[]
  readonly tensors: readonly {
    readonly name: string
    /** One for each epoch. */
    readonly weights: readonly LayerStatistics['weights'][]
    readonly gradients: readonly LayerStatistics['gradients'][]
  }[]
}

/** Of the run in a folder. A line that was torn or damaged is passed over, as is one whose tensors are not the first's;
 * of an epoch told twice the later one counts. */
export async function readLayerHistory(folder: string): Promise<LayerHistory> {
  const path = join(folder, LOG_FILE)
  if ((await stat(path).catch(() => null)) === null) {
    throw usageError(`${folder} is no run folder: it has no ${LOG_FILE}`)
  }
  const events = new Map<number, LayersEvent>()
  try {
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      const event = line.includes('"type":"layers"') ? parsed(line) : null
      if (event !== null) events.set(event.epoch, event)
    }
  } catch (error) {
    throw fileError(error, `reading ${path}`)
  }
  return historyOf([...events.values()], folder)
}

function historyOf(events: readonly LayersEvent[], folder: string): LayerHistory {
  const ordered = [...events].sort((a, b) => a.epoch - b.epoch)
  const names = ordered[0]?.tensors.map(({ name }) => name)
  if (names === undefined) {
    throw usageError(`the log of ${folder} has no statistics of layers`, 'train with --layer-statistics')
  }
  const whole = ordered.filter(({ tensors }) => tensors.map(({ name }) => name).join() === names.join())
  return {
    epochs: whole.map(({ epoch }) => epoch),
    tensors: names.map((name, i) => ({
      name,
      weights: whole.map(({ tensors }) => tensors[i]!.weights),
      gradients: whole.map(({ tensors }) => tensors[i]!.gradients),
    })),
  }
}

function parsed(line: string): LayersEvent | null {
  try {
    const event = JSON.parse(line) as LayersEvent
    const isWhole =
      event.type === 'layers' &&
      Number.isInteger(event.epoch) &&
      event.tensors.every(
        ({ name, weights, gradients }) => typeof name === 'string' && weights.histogram && gradients.histogram,
      )
    return isWhole ? event : null
  } catch {
    return null
  }
}
