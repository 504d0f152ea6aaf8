// Networks that are too sure for probabilities in single precision: `test` and `evaluate` say the same, and what PyTorch says.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createBackend } from '../../dist/backends/registry.js'
import { createLoader } from '../../dist/data/loading/loader.js'
import { predictionsCsv } from '../../dist/evaluation/csv.js'
import { evaluate } from '../../dist/evaluation/evaluate.js'
import { type MultiLabelPredictions, scoreMultiLabel } from '../../dist/evaluation/multi-label-scores.js'
import { predict } from '../../dist/evaluation/predict.js'
import { scorePredictions } from '../../dist/evaluation/scores.js'
import { topClasses } from '../../dist/inference/classify.js'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { initialParameters, initialRunning } from '../../dist/model/initialise.js'
import { parameterTable } from '../../dist/model/parameters.js'
import { instructionSets } from '../native-available.js'
import { markedDataset, TINY, tinyDataset } from '../training/fixtures.js'

interface Case {
  logits: number[]
  order: number[]
  top1Error: number
  top5Error: number
  loss: number
  binaryLoss: number
}
const golden = new URL('../golden/evaluation/saturated.json', import.meta.url)
const { cases } = JSON.parse(readFileSync(golden, 'utf8')) as { cases: Case[] }

/** A network that answers so, whatever it sees. */
function answering(logits: readonly number[]) {
  const config = resolveConfig({ ...TINY, classes: logits.length })
  const table = parameterTable(architecture(config))
  const parameters = initialParameters(table, 1)
  const at = (name: string) => table.parameters.find(entry => entry.name === name)!
  parameters.fill(0, at('classifier.weight').offset)
  parameters.set(logits, at('classifier.bias').offset)
  return { config, state: { parameters, running: initialRunning(table), training: {} } }
}

const dataset = {
  ...tinyDataset('test', 10),
  classes: [...'abcdefghij'],
  labels: Uint16Array.from({ length: 10 }, (_, i) => i),
}

describe.each(instructionSets.length > 0 ? ['reference', 'native'] : ['reference'])('%s', name => {
  test.each(cases)('$logits', async ({ logits, order, top1Error, top5Error, loss, binaryLoss }) => {
    const backend = await createBackend({ backend: name as 'native' })
    try {
      const job = { ...answering(logits), dataset, backend, createLoader, batchSize: 4, loaderThreads: 0 }
      const metrics = await evaluate(job)
      const predictions = await predict(job)
      const scores = scorePredictions(predictions, dataset.classes)
      expect([metrics!.top1Error, metrics!.top5Error]).toEqual([top1Error, top5Error])
      expect([scores.top1Error, scores.top5Error]).toEqual([top1Error, top5Error])
      expect(metrics!.loss / loss).toBeCloseTo(1, 6)
      expect(scores.loss / loss).toBeCloseTo(1, 6)
      const right = scores.confusion.reduce((sum, row, c) => sum + row[c]!, 0)
      expect(100 - 10 * right).toBe(scores.top1Error)
      const line = predictionsCsv(dataset, predictions).split('\r\n')[1]!.split(',')
      expect([4, 6, 8, 10, 12].map(i => line[i])).toEqual(order.map(c => dataset.classes[c]))
      expect(topClasses(logits).map(({ index }) => index)).toEqual(order)
      // The same by sigmoids.
      const own = scorePredictions(await predict({ ...job, multiLabel: true }), dataset.classes)
      const binary = await evaluate({ ...job, multiLabel: true })
      expect([own.top1Error, own.top5Error]).toEqual([top1Error, top5Error])
      expect([binary!.top1Error, binary!.top5Error]).toEqual([top1Error, top5Error])
      expect([own.loss / binaryLoss, binary!.loss / binaryLoss].map(x => x.toFixed(6))).toEqual([
        '1.000000',
        '1.000000',
      ])
    } finally {
      backend.dispose()
    }
  })

  test('several labels: found or not, and ranked, as evaluate says', async () => {
    const backend = await createBackend({ backend: name as 'native' })
    try {
      // A probability of one half and a little more; one that is all but 1.
      const job = {
        ...answering([1e-9, 80, -1e-9]),
        dataset: markedDataset('test', 8),
        backend,
        createLoader,
        batchSize: 4,
        loaderThreads: 0,
      }
      const metrics = await evaluate(job)
      const scores = scoreMultiLabel((await predict(job)) as MultiLabelPredictions, job.dataset.classes)
      expect(scores.subsetError).toBe(metrics!.top1Error)
      expect(scores.meanAveragePrecision).toBe(metrics!.meanAveragePrecision)
      const [first, second, third] = scores.classes
      expect([first!.recall, second!.recall, third!.recall]).toEqual([1, 1, 0])
    } finally {
      backend.dispose()
    }
  })
})
