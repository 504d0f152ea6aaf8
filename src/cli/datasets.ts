// What the commands say of data sets: the help of their options, and what is going on while one is brought.

import type { Option } from 'commander'
import { choosableDatasets, type DataProgress } from '../entries/data.js'
import { BLANK, UNCERTAIN } from '../entries/images.js'
import type { Dataset } from '../index.js'

export {
  type ChosenDataset,
  checkShape,
  choosableDatasets,
  chooseDataset,
  chooseTestDataset,
  knownDataset,
  type Splits,
  suited,
} from '../entries/data.js'

import { bytes } from './format.js'
import { choiceOption, numberOption } from './options.js'
import { StatusLine, type Terminal } from './terminal.js'

/** For the help of `--dataset`. */
export const DATASETS_HELP = `${choosableDatasets.join(', ')}, or a folder or CSV list of images`
export const IMAGE_SIZE_HELP = 'pixels on each side that images of a folder or list are brought to; default: 224'

/** How columns of classes are read. */
export const labelOptions = (): Option[] => [
  choiceOption('--uncertain <way>', 'what -1 is in a list with a column for each class: 0, 1, or left out', UNCERTAIN),
  choiceOption('--blank <way>', 'what a blank is there: 0 (default), or left out', BLANK),
]

/** `usual`: what it is otherwise. */
export const channelsOption = (usual: string): Option =>
  numberOption(
    '--channels <n>',
    `of images of a folder or list: 3, or 1 to read them as grey; default: ${usual}`,
    '1 or 3',
    value => value === 1 || value === 3,
  )

/** What becomes of a person's own images for a network of one channel. */
export function tellGrey(dataset: Dataset, say: (line: string) => void): void {
  if (!('files' in dataset) || dataset.channels !== 1) return
  const [mean, deviation] = [dataset.normalisation.mean[0]!, dataset.normalisation.deviation[0]!]
  const [black, white] = [0, 255].map(value => Number(((value - mean) / deviation).toPrecision(4)))
  say(`images: one channel; colours become grey as Pillow's L; black is ${black} to the network, white ${white}`)
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
