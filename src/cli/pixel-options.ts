// What commands ask about networks that classify pixels.
import type { Option } from 'commander'
import type { Checkpoint } from '../entries/runs.js'
import { choiceOption } from './options.js'

export const statisticsOption = (): Option =>
  choiceOption(
    '--statistics <whose>',
    "of networks for pixels: whether batch norms take each image's own statistics, as published; default: as in training",
    ['own', 'running'],
  )

export const takesOwn = (asked: string | undefined, { recipe }: Checkpoint): boolean =>
  asked === undefined ? (recipe?.ownStatistics ?? false) : asked === 'own'
