// A run's log as tables.
import { appendFileSync, cpSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { DenseNet } from '../../dist/index.js'
import { EPOCH_COLUMNS, exportLog, STEP_COLUMNS } from '../../dist/runs/export-log.js'
import { TINY, temporaryFolder, tinyDataset } from '../training/fixtures.js'

const folder = temporaryFolder()
const run = join(folder, 'run')
await DenseNet.create(TINY, { seed: 3 }).fit(tinyDataset('train', 30), {
  on: createReferenceBackend(),
  loaderThreads: 0,
  epochs: 2,
  batchSize: 10,
  learningRate: 0.05,
  output: run,
})
const lines = readFileSync(join(run, 'log.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map(line => JSON.parse(line))
const of = (type: string) => lines.filter(line => line.type === type)

test('as CSV: a column for each figure, empty where there is none', async () => {
  const { files, damaged } = await exportLog(run, 'csv')
  expect([files, damaged]).toEqual([[join(run, 'csv/epochs.csv'), join(run, 'csv/steps.csv')], 0])
  const [epochs, steps] = files.map(file => parse(readFileSync(file), { columns: true }) as Record<string, string>[])
  expect(Object.keys(epochs![0]!)).toEqual(Object.keys(EPOCH_COLUMNS))
  expect(Object.keys(steps![0]!)).toEqual(Object.keys(STEP_COLUMNS))
  expect(steps!.map(({ step, loss, top1_error }) => [Number(step), Number(loss), Number(top1_error)])).toEqual(
    of('step').map(({ step, loss, top1Error }) => [step, loss, top1Error]),
  )
  expect(epochs!.map(row => [Number(row.epoch), Number(row.train_loss), row.test_loss])).toEqual(
    of('epoch').map(({ epoch, train }) => [epoch, train.loss, '']),
  )
})

test('as JSON lines: the same, with null', async () => {
  const { files } = await exportLog(run, 'jsonl', join(folder, 'tables'))
  const [epochs, steps] = files.map(file =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line)),
  )
  expect(epochs.map(({ epoch, test_loss }) => [epoch, test_loss])).toEqual([
    [1, null],
    [2, null],
  ])
  expect(steps.map(({ step, seconds }) => [step, seconds])).toEqual(
    of('step').map(({ step, seconds }) => [step, seconds]),
  )
})

test('damaged lines are counted and left out; a log without a run is a sentence', async () => {
  const copy = join(folder, 'copy')
  cpSync(run, copy, { recursive: true })
  appendFileSync(join(copy, 'log.jsonl'), '{"time":"2026-01-01T00:00:00.000Z","type":"step","epoch":1}\n{"time":"20')
  const { files, damaged } = await exportLog(copy, 'csv')
  expect(damaged).toBe(2)
  expect(readFileSync(files[1]!, 'utf8').trim().split('\n')).toHaveLength(7)
  truncateSync(join(copy, 'log.jsonl'), 0)
  await expect(exportLog(copy, 'csv')).rejects.toThrow('tells nothing')
  await expect(exportLog(folder, 'csv')).rejects.toThrow('holds no run')
})
