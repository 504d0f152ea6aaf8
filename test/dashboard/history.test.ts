// What is read of a log while it grows, is cut, replaced or damaged.
import { renameSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bucketSeries } from '../../dist/dashboard/buckets.js'
import { RunHistory } from '../../dist/dashboard/history.js'
import { LogFollower, lastEpochsOffset } from '../../dist/dashboard/log-follower.js'
import { StepTable } from '../../dist/dashboard/step-table.js'
import { appendLog, epochLine, epochsOf, makeRun, startLine, stepLine, temporaryFolder, writeLog } from './runs.js'

const LONG = 60_000
const numbers = (...all: number[]): Uint32Array => Uint32Array.from(all)

function logOf(text: string): { folder: string; path: string; history: RunHistory } {
  const folder = makeRun(temporaryFolder(), 'run')
  writeLog(folder, text)
  const path = join(folder, 'log.jsonl')
  return { folder, path, history: new RunHistory(path) }
}

test('a line without its end waits for it', async () => {
  const { folder, history } = logOf(startLine() + stepLine(1) + stepLine(2).slice(0, 40))
  await history.read(LONG)
  expect(history.steps.steps).toEqual(numbers(1))
  appendLog(folder, stepLine(2).slice(40))
  await history.read(LONG)
  expect(history.steps.steps).toEqual(numbers(1, 2))
  expect(history.damagedLines).toBe(0)
  expect(history.complete).toBe(true)
})

test('whatever way a log is cut into writes, the same lines are read', async () => {
  const text = startLine() + epochsOf(1, 2)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: text.length - 1 }), { maxLength: 6 }), async cuts => {
      const { folder, path } = logOf('')
      const lines: string[] = []
      const follower = new LogFollower(path, { line: one => lines.push(one), reset: () => lines.push('reset') })
      const places = [0, ...cuts.sort((a, b) => a - b), text.length]
      for (let i = 1; i < places.length; i++) {
        appendLog(folder, text.slice(places[i - 1], places[i]))
        await follower.read()
      }
      expect(lines).toEqual(text.trimEnd().split('\n'))
    }),
    { numRuns: 15 },
  )
})

test('damaged lines are counted and left out, events of other kinds pass', async () => {
  const odd = ['{"type":"step","epoch":1}', '\0\0\0', 'null', '[1]', '{"time":"x","type":"step"', '"text"', '{}']
  const layers = JSON.stringify({ time: 'x', type: 'layers', tensors: [1, 2, 3] })
  const { history } = logOf(`${startLine()}${odd.join('\n')}\n${layers}\n\n${stepLine(1)}`)
  await history.read(LONG)
  expect(history.damagedLines).toBe(odd.length)
  expect(history.steps.steps).toEqual(numbers(1))
})

test('a run that goes on from a checkpoint makes its steps again: the log is cut and grows', async () => {
  const { folder, path, history } = logOf(startLine() + epochsOf(1, 2) + stepLine(21) + stepLine(22))
  await history.read(LONG)
  const before = history.generation
  truncateSync(path, (startLine() + epochsOf(1, 2)).length)
  appendLog(folder, startLine(5, 20) + stepLine(21, 9))
  await history.read(LONG)
  expect(history.generation).toBeGreaterThan(before)
  expect(history.steps.lastStep).toBe(21)
  expect(history.steps.column('loss').at(-1)).toBe(9)
  expect(history.epochs.map(({ epoch }) => epoch)).toEqual([1, 2])
})

test('a cut that was grown over before anybody looked is noticed', async () => {
  const { path, history } = logOf(startLine() + epochsOf(1, 1))
  await history.read(LONG)
  truncateSync(path, startLine().length)
  const { length } = startLine() + epochsOf(1, 1)
  let text = ''
  for (let step = 1; text.length < length; step++) text += stepLine(step, 7)
  writeFileSync(path, text, { flag: 'a' })
  await history.read(LONG)
  expect(history.epochs).toEqual([])
  expect(new Set(history.steps.column('loss'))).toEqual(new Set([7]))
})

test('another file in its place, and none at all', async () => {
  const { folder, path, history } = logOf(startLine() + stepLine(1))
  await history.read(LONG)
  writeFileSync(join(folder, 'other'), startLine() + stepLine(1, 5) + stepLine(2, 6))
  renameSync(join(folder, 'other'), path)
  await history.read(LONG)
  expect([...history.steps.column('loss')]).toEqual([5, 6])
  renameSync(path, join(folder, 'other'))
  await history.read(LONG)
  expect(history.steps.length).toBe(0)
})

test('steps that come twice in a log that was not cut replace the first ones', async () => {
  const { history } = logOf(startLine() + epochsOf(1, 2) + startLine(5, 10) + stepLine(11, 4) + stepLine(12, 5))
  await history.read(LONG)
  expect(history.steps.lastStep).toBe(12)
  expect([...history.steps.column('loss').slice(-2)]).toEqual([4, 5])
})

test('throughput of an epoch counts the images since the run went on', async () => {
  const half = [16, 17, 18, 19, 20].map(step => stepLine(step)).join('')
  const { history } = logOf(startLine() + epochsOf(1, 1) + stepLine(11) + startLine(5, 15) + half + epochLine(2))
  await history.read(LONG)
  // 10 batches of 8 in 5 s, then 5 batches.
  expect(history.epochs.map(({ throughput }) => throughput)).toEqual([16, 8])
})

test('where to begin for the last epochs, in long logs and in logs without one', async () => {
  const early = startLine() + epochsOf(1, 1)
  const later = Array.from({ length: 9000 }, (_, i) => stepLine(11 + i)).join('')
  const { path } = logOf(early + later)
  expect(await lastEpochsOffset(path, 1)).toBe(early.length - epochLine(1).length)
  expect(await lastEpochsOffset(path, 2)).toBe(0)
  writeFileSync(path, early + later + epochsOf(2, 4))
  for (const [epochs, at] of [epochsOf(4, 4), epochsOf(3, 4)].map(({ length }, i) => [i + 2, length] as const)) {
    const whole = early.length + later.length + epochsOf(2, 4).length
    expect(await lastEpochsOffset(path, epochs)).toBe(whole - at - epochLine(4 - epochs + 1).length)
  }
  writeFileSync(path, startLine() + stepLine(1))
  expect(await lastEpochsOffset(path, 1)).toBe(0)
  writeFileSync(path, '')
  expect(await lastEpochsOffset(path, 1)).toBe(0)
})

function tableOf(values: readonly number[]): StepTable {
  const table = new StepTable()
  for (const [i, loss] of values.entries()) {
    table.add(i + 1, { loss, error: 0, learningRate: 0.1, pace: loss, memory: Number.NaN })
  }
  return table
}

test('buckets hold the least, the most and the mean of their steps', () => {
  const values = [4, 2, 8, 6, 1, 1, 1, 100]
  const { mean, least, most } = bucketSeries(tableOf(values), 'loss', { from: 0, to: 12, width: 4, smoothing: 0 })
  // Steps 1 to 3, 4 to 7, 8; none beyond.
  expect(mean).toEqual([4.6667, 2.25, 100])
  expect(least).toEqual([2, 1, 100])
  expect(most).toEqual([8, 6, 100])
  const nothing = bucketSeries(tableOf(values), 'memory', { from: 0, to: 12, width: 4, smoothing: 0 })
  expect(nothing.mean).toEqual([null, null, null])
})

test('throughput is averaged over time, not over steps', () => {
  // One second an image, then three: two images in four seconds.
  const { mean, least, most } = bucketSeries(tableOf([1, 3]), 'throughput', { from: 0, to: 4, width: 4, smoothing: 0 })
  expect([mean, least, most]).toEqual([[0.5], [0.33333], [1]])
})

test('a smoothed curve gone on with from any place is the same curve', () => {
  const values = Array.from({ length: 500 }, (_, i) => Math.sin(i) + 3)
  const table = tableOf(values)
  const whole = bucketSeries(table, 'loss', { from: 0, to: 512, width: 8, smoothing: 20 }).mean
  const rest = bucketSeries(table, 'loss', { from: 256, to: 512, width: 8, smoothing: 20 }).mean
  for (const [i, value] of rest.entries()) expect(value).toBeCloseTo(whole[32 + i]!, 3)
  // The first values count in full.
  expect(bucketSeries(tableOf([5, 5, 5]), 'loss', { from: 1, to: 4, width: 1, smoothing: 9 }).mean).toEqual([5, 5, 5])
})
