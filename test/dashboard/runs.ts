// Runs for the dashboard to show, without training: folders with a config.json and a log as training writes them.
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { resolveConfig } from '../../dist/model/config.js'
import { resolveRecipe } from '../../dist/training/recipe.js'

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'densenet-dashboard-'))
  folders.push(folder)
  return folder
}

export const BATCHES = 10
const config = resolveConfig({ depth: 10, growthRate: 4, bottleneck: true })

/** A run's folder without a log; returns its path. */
export function makeRun(root: string, id: string, learningRate = 0.1): string {
  const folder = join(root, id)
  mkdirSync(folder, { recursive: true })
  const settings = {
    model: 'tiny',
    dataset: 'synthetic',
    dataFolder: null,
    memory: 'auto',
    backend: 'reference',
    threads: null,
    computer: 'a test',
    keepBest: 1,
  }
  const recipe = resolveRecipe({ epochs: 5, learningRate })
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...settings, recipe, config }))
  return folder
}

/** After so many steps of half a second and evaluations of one second. */
const time = (step: number, evaluations: number): string =>
  new Date(Date.UTC(2026, 0, 1) + 500 * step + 1000 * evaluations).toISOString()
const line = (event: object): string => `${JSON.stringify(event)}\n`

export const startLine = (epochs = 5, step = 0): string =>
  line({
    time: time(step, Math.floor(step / BATCHES)),
    type: 'start',
    recipe: resolveRecipe({ epochs }),
    network: { name: 'tiny', depth: 10, parameters: 2666, multiplyAdds: 1e6 },
    compute: { backend: 'a test', memory: 'store', memoryReason: null, plannedBytes: 1e6 },
    dataset: 'synthetic',
    epochs,
    batchesPerEpoch: BATCHES,
    trainImages: 80,
    testImages: 16,
    epoch: 1 + Math.floor(step / BATCHES),
    batch: step % BATCHES,
    step,
  })

/** Loss 100 / step, error 50, 8 images in half a second. */
export const stepLine = (step: number, loss = 100 / step): string =>
  line({
    ...{
      time: time(step, Math.floor((step - 1) / BATCHES)),
      type: 'step',
      epoch: 1 + Math.floor((step - 1) / BATCHES),
      batch: 1 + ((step - 1) % BATCHES),
    },
    step,
    learningRate: 0.1,
    loss,
    top1Error: 50,
    images: 8,
    seconds: 0.5,
    waitedSeconds: 0,
    memoryBytes: 200e6,
  })

/** `more`: of its scores. */
export const epochLine = (epoch: number, more: object = {}): string => {
  const test = { loss: 2 / epoch, top1Error: 60 - epoch, top5Error: 10, ...more }
  return line({
    ...{
      time: time(epoch * BATCHES, epoch),
      type: 'epoch',
      epoch,
      epochs: 5,
      step: epoch * BATCHES,
      learningRate: 0.1,
    },
    train: { ...test, loss: 3 / epoch },
    on: 'test',
    test,
    best: { epoch, ...test },
    isBest: true,
    seconds: 5,
    testSeconds: 1,
    waitingShare: 0,
    memoryBytes: 210e6,
  })
}

export const endLine = (): string => line({ time: time(50, 5), type: 'end', final: null, best: null, early: false })
export const stopLine = (step: number): string =>
  line({ time: time(step, Math.floor(step / BATCHES)), type: 'stop', epoch: 1, batch: step, step })

/** The lines of whole epochs; the loss of step s is firstLoss / s. */
export const epochsOf = (from: number, to: number, firstLoss = 100, more: object = {}): string => {
  let text = ''
  for (let epoch = from; epoch <= to; epoch++) {
    for (let batch = 1; batch <= BATCHES; batch++) {
      const step = (epoch - 1) * BATCHES + batch
      text += stepLine(step, firstLoss / step)
    }
    text += epochLine(epoch, more)
  }
  return text
}

export const writeLog = (folder: string, text: string): void => writeFileSync(join(folder, 'log.jsonl'), text)
export const appendLog = (folder: string, text: string): void => appendFileSync(join(folder, 'log.jsonl'), text)
