// Event files of runs: what is in them, after a stop and a kill as well, and what becomes of trouble.
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { firstVoidStep } from '../../dist/fitting/train-run.js'
import { DenseNet, type FitOptions } from '../../dist/index.js'
import { BoardLog, eventFiles, nextEventFile } from '../../dist/runs/board-log.js'
import { exportLog } from '../../dist/runs/export-log.js'
import { TINY, temporaryFolder, tinyDataset } from '../training/fixtures.js'
import { kept, readEvents } from './read-events.js'

const folder = temporaryFolder()
const at = (...names: string[]): string => join(folder, ...names)
const train = tinyDataset('train', 30)
const validation = tinyDataset('test', 10)
const on = createReferenceBackend()

async function trained(options: FitOptions): Promise<void> {
  const model = DenseNet.create(TINY, { seed: 3 })
  const recipe = options.resume ? {} : { epochs: 3, batchSize: 10, learningRate: 0.05 }
  await model.fit(train, { on, validation, loaderThreads: 0, ...recipe, ...options })
}

const stopAfter = (steps: number): FitOptions => {
  const controller = new AbortController()
  const onEvent: FitOptions['onEvent'] = event => {
    if (event.type === 'step' && event.step === steps) controller.abort()
  }
  return { signal: controller.signal, onEvent }
}
const logged = (run: string, type: string) =>
  readFileSync(at(run, 'log.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
    .filter(line => line.type === type)

await trained({ output: at('whole'), tensorboard: true, layerStatistics: true })

test('hold every step, every epoch, every tensor, and a sheet of training images', () => {
  const events = readEvents(at('whole', 'tensorboard'))
  expect(events[0]).toMatchObject({ version: 'brain.Event:2' })
  const losses = logged('whole', 'step').map(({ step, loss }) => ({ step, value: Math.fround(loss) }))
  expect(losses).toHaveLength(9)
  expect(kept(events, 'loss/step')).toEqual(losses)
  const errors = logged('whole', 'epoch').map(({ step, test }) => ({ step, value: Math.fround(test.top1Error) }))
  expect(kept(events, 'error/test')).toEqual(errors)
  const others = events.flatMap(event => event.others)
  expect(others.filter(tag => tag === 'training_images')).toHaveLength(1)
  expect(others.filter(tag => tag === 'weights/features.conv0.weight')).toHaveLength(3)
  expect(others.filter(tag => tag.startsWith('gradients/'))).toHaveLength(
    3 * logged('whole', 'layers')[0].tensors.length,
  )
})

test('are the same, exported from the log, but for the sheet', async () => {
  const { files } = await exportLog(at('whole'), 'tensorboard', at('exported'))
  expect(files).toHaveLength(1)
  const scalars = (path: string) => readEvents(path).map(({ step, scalars }) => ({ step, scalars }))
  const own = scalars(at('whole', 'tensorboard')).filter(({ step }) => step > 0)
  expect(scalars(at('exported')).filter(({ step }) => step > 0)).toEqual(own)
  await expect(exportLog(at('whole'), 'tensorboard', at('exported'))).rejects.toThrow('already holds event files')
})

test.each([
  ['in mid-epoch', 4],
  ['after the last step of an epoch, before its evaluation', 3],
])('of a run that was stopped %s and goes on have each step once', async (name, steps) => {
  const output = at(name)
  await trained({ output, tensorboard: true, ...stopAfter(steps) })
  // A run with such a folder goes on with it, unasked.
  await trained({ resume: output })
  const events = readEvents(join(output, 'tensorboard'))
  expect(kept(events, 'loss/step').map(({ step }) => step)).toEqual(
    steps === 3 ? [1, 2, 4, 5, 6, 7, 8, 9] : [1, 2, 3, 4, 5, 6, 7, 8, 9],
  )
  expect(kept(events, 'error/test').map(({ step }) => step)).toEqual([3, 6, 9])
  expect(kept(events, 'error/test')).toEqual(kept(readEvents(at('whole', 'tensorboard')), 'error/test'))
})

test('of a run that was killed void what came after its checkpoint; a torn record harms nothing', async () => {
  const output = at('killed')
  await trained({ output, tensorboard: true, ...stopAfter(4) })
  const checkpointed = at('copy')
  cpSync(output, checkpointed, { recursive: true })
  // What was written after the checkpoint, and half a record.
  const later = await BoardLog.open(at('later'), null, () => {})
  for (const step of [5, 6]) later.write({ ...logged('whole', 'step')[step - 1], loss: 99 })
  await later.close()
  const [file] = await eventFiles(join(checkpointed, 'tensorboard'))
  const rest = readFileSync(later.path)
  appendFileSync(join(checkpointed, 'tensorboard', file!), rest.subarray(0, rest.length - 5))
  expect(kept(readEvents(join(checkpointed, 'tensorboard')), 'loss/step').at(-1)).toEqual({ step: 5, value: 99 })
  await trained({ resume: checkpointed })
  expect(kept(readEvents(join(checkpointed, 'tensorboard')), 'loss/step')).toEqual(
    kept(readEvents(at('whole', 'tensorboard')), 'loss/step'),
  )
})

test('go into a folder of their own, but never into one that holds others', async () => {
  await trained({ tensorboard: at('apart'), epochs: 1 })
  expect(kept(readEvents(at('apart')), 'loss/step')).toHaveLength(3)
  await expect(trained({ tensorboard: at('apart'), epochs: 1 })).rejects.toThrow(
    'already holds event files of TensorBoard',
  )
  await expect(trained({ tensorboard: true, epochs: 1 })).rejects.toThrow('event files for TensorBoard need a folder')
  await trained({ output: at('without'), epochs: 1 })
  expect(existsSync(at('without', 'tensorboard'))).toBe(false)
})

test('a folder that cannot be made is a sentence before the training', async () => {
  writeFileSync(at('file'), '')
  await expect(trained({ tensorboard: at('file', 'x'), epochs: 1 })).rejects.toThrow('a file is in the way')
})

test('a disk that fails is one warning, and the training goes on', async () => {
  const warnings: string[] = []
  const log = await BoardLog.open(at('failing'), null, message => warnings.push(message))
  // As if the file were gone from under it.
  await (log as unknown as { file: { close(): Promise<void> } }).file.close()
  log.write(logged('whole', 'step')[0])
  await log.flush()
  log.write(logged('whole', 'step')[1])
  await log.close()
  expect(warnings).toEqual([expect.stringMatching(/TensorBoard gets no more of this run, the training goes on$/)])
})

test('a new file comes after those that are there, whatever the clock says', async () => {
  mkdirSync(at('order'))
  const first = await nextEventFile(at('order'), 1_800_000_000.7)
  writeFileSync(first, '')
  for (const seconds of [1_800_000_000.7, 1_700_000_000]) writeFileSync(await nextEventFile(at('order'), seconds), '')
  expect(
    readdirSync(at('order'))
      .sort()
      .map(name => name.split('.')[3]),
  ).toEqual(['1800000000', '1800000001', '1800000002'])
})

test('steps that are made anew', () => {
  expect(firstVoidStep({ step: 0, nextBatch: 0 }, 3)).toBe(1)
  expect(firstVoidStep({ step: 4, nextBatch: 1 }, 3)).toBe(5)
  expect(firstVoidStep({ step: 6, nextBatch: 3 }, 3)).toBe(6)
})
