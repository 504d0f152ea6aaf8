// What networks are judged by: which epoch is the better one, and what it is called where epochs are shown.
import { expect, test } from 'vitest'
import type { SummaryValue } from '../../dist/interop/tensorboard.js'
import { boardEvent } from '../../dist/runs/board-values.js'
import { EPOCH_COLUMNS } from '../../dist/runs/export-log.js'
import { badness, judgedBy } from '../../dist/training/judged.js'

const errors = { loss: 1, top1Error: 40, top5Error: 10 }
const pixels = { ...errors, top5Error: 0, meanIou: 0.625 }
const several = { ...errors, meanAveragePrecision: 0.5, meanAuc: 0.75 }

test('by the error, by the ranking, by what classes have in common with their labels', () => {
  expect([errors, several, pixels].map(judgedBy)).toEqual([
    { name: 'error', best: 'lowest', value: 40 },
    { name: 'mean AP', best: 'highest', value: 50 },
    { name: 'mean IoU', best: 'highest', value: 62.5 },
  ])
  expect(judgedBy({ ...pixels, meanIou: null }).value).toBeNull()
})

test('the worst comes last', () => {
  const iou = (meanIou: number | null) => ({ ...pixels, meanIou })
  expect([iou(null), iou(0.2), iou(0.9)].sort((a, b) => badness(a) - badness(b))).toEqual([
    iou(0.9),
    iou(0.2),
    iou(null),
  ])
  expect(badness({ ...errors, top1Error: 10 })).toBeLessThan(badness(errors))
})

test('TensorBoard and tables are told of it', () => {
  const line = (scores: typeof errors) => {
    const of = { train: scores, test: scores, on: 'test', best: { epoch: 1, ...scores } } as const
    return {
      type: 'epoch',
      epoch: 1,
      epochs: 1,
      step: 3,
      learningRate: 1,
      isBest: true,
      seconds: 1,
      testSeconds: 1,
      ...of,
    }
  }
  const told = (scores: typeof errors) =>
    Object.fromEntries(
      (boardEvent(line(scores)) as { values: readonly SummaryValue[] }).values.flatMap(value =>
        'scalar' in value ? [[value.tag, value.scalar]] : [],
      ),
    )
  expect(told(errors)).toMatchObject({ 'error/test': 40, 'error_top5/test': 10 })
  expect(told(pixels)).toMatchObject({ 'error/test': 40, 'mean_iou/train': 62.5, 'mean_iou/test': 62.5 })
  expect(told(several)).toMatchObject({ 'mean_ap/test': 50, 'mean_auc/test': 75 })
  expect(Object.keys(told(pixels)).filter(tag => /top5|mean_a/.test(tag))).toEqual([])
  const row = (scores: typeof errors) => {
    const { train_mean_iou, test_mean_iou, test_mean_ap, test_mean_auc } = EPOCH_COLUMNS
    return [train_mean_iou, test_mean_iou, test_mean_ap, test_mean_auc].map(of => of!(line(scores) as never))
  }
  expect([errors, pixels, several].map(row)).toEqual([
    [null, null, null, null],
    [0.625, 0.625, null, null],
    [null, null, 0.5, 0.75],
  ])
})
