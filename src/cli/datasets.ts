// Data sets as the command line names them: the catalogue's, and `synthetic`. Says what it is doing while one is brought.
import { type DataProgress, datasetNames, loadDataset } from '../data/catalogue.js'
import type { Dataset } from '../data/dataset.js'
import { datasetInfo } from '../data/info.js'
import { synthetic, syntheticDataset } from '../data/synthetic.js'
import { usageError } from '../errors.js'
import type { DenseNetConfig } from '../model/config.js'
import { checkFits } from '../training/run.js'
import { bytes } from './format.js'
import { StatusLine, type Terminal } from './terminal.js'

export const choosableDatasets: readonly string[] = [...datasetNames, 'synthetic']

export interface DataOptions {
  readonly folder?: string | undefined
  readonly signal: AbortSignal
  readonly onProgress: (progress: DataProgress) => void
}

/** The name as the catalogue has it, or a usage error. */
export function datasetName(name: string): string {
  if (name === 'synthetic') return name
  try {
    return datasetInfo(name).name
  } catch {
    throw usageError(`there is no data set called "${name}"`, `the data sets are ${choosableDatasets.join(', ')}`)
  }
}

export async function loadSplits(name: string, options: DataOptions): Promise<{ train: Dataset; test: Dataset }> {
  if (name === 'synthetic') return synthetic()
  return {
    train: await loadDataset(name, { ...options, split: 'train' }),
    test: await loadDataset(name, { ...options, split: 'test' }),
  }
}

export async function loadTest(name: string, options: DataOptions): Promise<Dataset> {
  return name === 'synthetic' ? syntheticDataset('test') : loadDataset(name, { ...options, split: 'test' })
}

/** Shape and classes of a data set that need not be there yet. */
export function datasetShape(name: string): { channels: number; height: number; width: number; classes: number } {
  if (name === 'synthetic') return { channels: 3, height: 32, width: 32, classes: 10 }
  const { channels, height, width, classes } = datasetInfo(name)
  return { channels, height, width, classes: classes.length }
}

/** Refuses a network for other images or classes, before anything is fetched. */
export function checkShape(config: DenseNetConfig, name: string, network: string): void {
  const hint = `to train a new classifier: densenet train --pretrained ${network} --reset-classifier --dataset ${name}`
  checkFits(config, { name, ...datasetShape(name) }, network, hint)
}

/** Tells on a terminal, or in plain lines, what is brought from where. */
export function dataReporter(
  terminal: Terminal,
  quiet: boolean,
): { onProgress: (progress: DataProgress) => void; end(): void } {
  const status = new StatusLine(terminal)
  if (quiet) return { onProgress: () => {}, end: () => {} }
  const onProgress = (progress: DataProgress): void => {
    switch (progress.stage) {
      case 'trying':
        status.print(`fetching from ${progress.source}`)
        break
      case 'downloading': {
        const { file, received, total } = progress
        status.show(`${file}  ${bytes(received)} of ${bytes(total)}`.slice(0, terminal.columns() - 1))
        break
      }
      case 'unpacking':
      case 'verifying':
        status.show(`${progress.stage} …`)
        break
      case 'failed': {
        const { source, reason, next } = progress
        status.print(`${source} failed: ${reason}${next ? `; next: ${next}` : ''}`)
        break
      }
      case 'waiting':
        status.print('another process is fetching it; waiting')
    }
  }
  return { onProgress, end: () => status.clear() }
}
