// What commands ask about networks that classify pixels.
import type { Option } from 'commander'
import { type Checkpoint, takesOwnStatistics } from '../entries/runs.js'
import { choiceOption } from './options.js'

export const statisticsOption = (): Option =>
  choiceOption(
    '--statistics <whose>',
    "of networks for pixels: whether batch norms take each image's own statistics, as published; default: as in training",
    ['own', 'running'],
  )

export const takesOwn = (asked: string | undefined, checkpoint: Checkpoint): boolean =>
  asked === undefined ? takesOwnStatistics(checkpoint) : asked === 'own'
