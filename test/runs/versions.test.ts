// Run folders and checkpoints of other versions: older ones go on, newer ones are named as such.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { DenseNet, type FitOptions } from '../../dist/densenet.js'
import { limitDataset } from '../../dist/images/dataset.js'
import { decodeSafetensors, encodeSafetensors } from '../../dist/interop/safetensors.js'
import { TINY, temporaryFolder, tinyDataset } from '../training/fixtures.js'

const folder = temporaryFolder()
const train = tinyDataset('train', 24)
const common: FitOptions = { on: createReferenceBackend(), validation: tinyDataset('test', 10), loaderThreads: 0 }
const recipe: FitOptions = { epochs: 2, batchSize: 8, learningRate: 0.05 }
const create = (): DenseNet => DenseNet.create(TINY, { seed: 3 })
const unbroken = create()
await unbroken.fit(train, { ...common, ...recipe })
let folders = 0

/** The folder of a run that was stopped after its fourth step of six. */
async function stopped(): Promise<string> {
  const output = join(folder, `run-${++folders}`)
  const controller = new AbortController()
  await create().fit(train, {
    ...common,
    ...recipe,
    output,
    signal: controller.signal,
    onEvent: event => {
      if (event.type === 'step' && event.step === 4) controller.abort()
    },
  })
  return output
}

const change = (file: string, how: (json: Record<string, unknown>) => void): void => {
  const json = JSON.parse(readFileSync(file, 'utf8'))
  how(json)
  writeFileSync(file, JSON.stringify(json))
}

test('an older one, that lacks what came later, goes on', async () => {
  const path = await stopped()
  const config = join(path, 'config.json')
  expect(JSON.parse(readFileSync(config, 'utf8')).format).toBe(1)
  change(config, json => {
    for (const name of ['format', 'keepBest', 'layerStatistics']) delete json[name]
  })
  const model = create()
  await model.fit(train, { ...common, resume: path })
  expect(model.state.parameters).toEqual(unbroken.state.parameters)
})

test('a newer one is not called damaged', async () => {
  const path = await stopped()
  change(join(path, 'config.json'), json => {
    json.format = 2
    json.keepBest = 'many'
  })
  await expect(create().fit(train, { ...common, resume: path })).rejects.toMatchObject({
    code: 'usage',
    message: `the run in ${path} has format 2; this version of densenet reads 1`,
    hint: 'go on with the version that made it',
  })
})

/** Writes the checkpoint anew with a changed description. */
async function rewrite(path: string, how: (description: Record<string, unknown>) => void): Promise<void> {
  const { tensors, metadata } = decodeSafetensors(readFileSync(path), path)
  const description = JSON.parse(metadata.densenet!)
  how(description)
  const facts = { ...metadata, densenet: JSON.stringify(description), sha256: '0'.repeat(64) }
  const bytes = Buffer.concat(encodeSafetensors(tensors, facts))
  const at = bytes.indexOf('0'.repeat(64), bytes.indexOf('"sha256"'))
  bytes.write(createHash('sha256').update(bytes).digest('hex'), at)
  writeFileSync(path, bytes)
}

test('a checkpoint from before images could be mixed goes on', async () => {
  const path = await stopped()
  await rewrite(join(path, 'last.safetensors'), description => {
    const recipe = description.recipe as Record<string, unknown>
    for (const name of ['mixup', 'cutmix', 'switchProbability']) delete recipe[name]
  })
  const model = create()
  await model.fit(train, { ...common, resume: path })
  expect(model.state.parameters).toEqual(unbroken.state.parameters)
})

test('a limited run from before classes were taken in proportion goes on with the first images', async () => {
  const output = join(folder, `run-${++folders}`)
  const controller = new AbortController()
  const first = limitDataset(train, 16, 'order')
  const whole = create()
  await whole.fit(first, { ...common, ...recipe })
  const onEvent: FitOptions['onEvent'] = event => {
    if (event.type === 'step' && event.step === 2) controller.abort()
  }
  await create().fit(first, { ...common, ...recipe, output, onEvent, signal: controller.signal })
  await rewrite(join(output, 'last.safetensors'), description => {
    const { recipe, dataset } = description as Record<'recipe' | 'dataset', Record<string, unknown>>
    recipe.trainLimit = 16
    delete recipe.limitBy
    dataset.trainImages = train.length
    delete dataset.fingerprint
  })
  const model = create()
  await model.fit(train, { ...common, resume: output })
  expect(model.state.parameters).toEqual(whole.state.parameters)
  // Which a new run does not take.
  const now = create()
  await now.fit(train, { ...common, ...recipe, trainLimit: 16 })
  expect(now.state.parameters).not.toEqual(whole.state.parameters)
})

test('a checkpoint of a newer one is named, and the one before it not taken instead', async () => {
  const path = await stopped()
  const last = join(path, 'last.safetensors')
  await rewrite(last, description => {
    ;(description.recipe as Record<string, unknown>).distillation = 1
  })
  const wanted = { code: 'usage', hint: 'use the version that made it' }
  await expect(create().fit(train, { ...common, resume: path })).rejects.toMatchObject({
    ...wanted,
    message: `${last} speaks of "distillation", which this version of densenet does not know`,
  })
  await rewrite(last, description => {
    description.version = 2
  })
  await expect(DenseNet.load(path)).rejects.toMatchObject({
    ...wanted,
    message: `${last} has checkpoint format 2; this version of densenet reads 1`,
  })
})
