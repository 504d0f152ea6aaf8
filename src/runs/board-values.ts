// What of a training's events TensorBoard shows, under which name. Steps count the steps of the whole run.
import type { BoardEvent, SummaryValue } from '../interop/tensorboard.js'
import type { TensorStatistics } from '../training/layer-statistics.js'
import type { LogLine } from './log-lines.js'

type Shown = Extract<LogLine, { readonly type: 'step' | 'epoch' | 'layers' }>

const scalar = (tag: string, value: number): SummaryValue => ({ tag, scalar: value })
/** Of a share that not all networks have, and not always. */
const inPercent = (tag: string, share: number | null | undefined): SummaryValue[] =>
  share == null ? [] : [scalar(tag, 100 * share)]

/** Null where there is nothing to show. */
export function boardEvent(event: { readonly type: string }): BoardEvent | null {
  const shown = event as Shown
  switch (shown.type) {
    case 'step':
      return {
        step: shown.step,
        values: [
          scalar('loss/step', shown.loss),
          scalar('error/step', shown.top1Error),
          scalar('learning_rate', shown.learningRate),
          scalar('images_per_second', shown.images / shown.seconds),
        ],
      }
    case 'epoch': {
      const { train, test, on, seconds, testSeconds } = shown
      return {
        step: shown.step,
        values: [
          scalar('loss/train', train.loss),
          scalar('error/train', train.top1Error),
          ...inPercent('mean_iou/train', train.meanIou),
          ...(test
            ? [
                scalar(`loss/${on}`, test.loss),
                scalar(`error/${on}`, test.top1Error),
                ...(test.meanIou === undefined ? [scalar(`error_top5/${on}`, test.top5Error)] : []),
                ...inPercent(`mean_iou/${on}`, test.meanIou),
                ...inPercent(`mean_ap/${on}`, test.meanAveragePrecision),
                ...inPercent(`mean_auc/${on}`, test.meanAuc),
              ]
            : []),
          scalar('seconds/train', seconds),
          scalar(`seconds/${on}`, testSeconds),
          scalar('epoch', shown.epoch),
        ],
      }
    }
    case 'layers': {
      const values = shown.tensors.flatMap(({ name, weights, gradients }) => [
        ...histogram(`weights/${name}`, weights),
        ...histogram(`gradients/${name}`, gradients),
      ])
      return { step: shown.step, values }
    }
    default:
      return null
  }
}

function histogram(tag: string, statistics: TensorStatistics): SummaryValue[] {
  const { mean, standardDeviation, smallest, largest, histogram } = statistics
  if (mean === null || standardDeviation === null || smallest === null || largest === null) return []
  return [{ tag, histogram: { smallest, largest, mean, standardDeviation, ...histogram } }]
}
