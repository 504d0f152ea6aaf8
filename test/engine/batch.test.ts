// A session refuses a batch that is not of its network's shape, and labels that are no class: it would train on numbers of
// another batch, or on nothing.
import { expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { createSession, type SessionBatch, type SessionOptions } from '../../dist/engine/session.js'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { initialParameters, initialRunning } from '../../dist/model/initialise.js'

const network = architecture(resolveConfig({ blocks: [1], growthRate: 2, height: 4, width: 4, classes: 3 }))
const sound: SessionBatch = { size: 2, images: new Float32Array(2 * 48).fill(0.5), labels: [0, 2] }

async function evaluate(change: Partial<SessionBatch>, loss: SessionOptions['loss'] = { kind: 'crossEntropy' }) {
  const session = await createSession(network, createReferenceBackend(), { batchSize: 2, loss })
  await session.writeState({ parameters: initialParameters(session.table, 5), running: initialRunning(session.table) })
  return session.evaluate({ ...sound, ...change })
}

test('takes a sound one', async () => {
  expect((await evaluate({})).losses.length).toBe(2)
})

test.each<[string, Partial<SessionBatch>, string]>([
  ['a label beyond the last class', { labels: [0, 3] }, 'has labels[1] = 3, but the classes are 0 to 2'],
  ['a label below 0', { labels: [-1, 0] }, 'has labels[0] = -1, but the classes are 0 to 2'],
  ['a label between two classes', { labels: [1, 0.5] }, 'has labels[1] = 0.5'],
  ['a label that is no number', { labels: [1, Number.NaN] }, 'has labels[1] = NaN'],
  ['another label that is no class', { otherLabels: [7, 0], share: [1, 1] }, 'has otherLabels[0] = 7'],
  ['too few labels', { labels: [1] }, 'has 1 numbers of labels where 2 are needed'],
  ['too few images', { images: new Float32Array(95) }, 'has 95 numbers of images where 96 are needed'],
  ['too many images', { size: 3 }, 'has size 3; it may be 1 to 2'],
])('refuses %s', async (_, change, message) => {
  await expect(evaluate(change)).rejects.toThrow(`a batch ${message}`)
})

test('with several labels an image wants its targets, and looks at no label', async () => {
  const loss = { kind: 'binaryCrossEntropy', multiLabel: true } as const
  await expect(evaluate({}, loss)).rejects.toThrow('a batch needs the targets of a multi-label loss')
  await expect(evaluate({ targets: [1, 0, 1] }, loss)).rejects.toThrow('has 3 numbers of targets where 6 are needed')
  await evaluate({ targets: [1, 0, 1, 0, 0, 1], labels: [Number.NaN, 9] }, loss)
})
