// What the list of runs says of the time that is left. The oracle is the log itself: how long after each of its lines it
// ended. Its steps take what real ones took (test/training/step-milliseconds.json.gz), in random order.
import { readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { RunLatest } from '../../dist/dashboard/run-latest.js'
import { permutation, randomStream } from '../../dist/util/random.js'
import { appendLog, epochLine, makeRun, startLine, stepLine, temporaryFolder, writeLog } from './runs.js'

const EPOCHS = 5
const TEST_SECONDS = 6
const [real] = JSON.parse(
  gunzipSync(readFileSync(new URL('../training/step-milliseconds.json.gz', import.meta.url))).toString(),
) as number[][]
const batches = real!.length

interface Line {
  /** Seconds since the start. */
  readonly at: number
  readonly text: string
}

function logOf(): Line[] {
  const lines: Line[] = []
  let at = 0
  const add = (line: string, changed: object): void => {
    const time = new Date(Date.UTC(2026, 0, 1) + 1000 * at).toISOString()
    lines.push({ at, text: `${JSON.stringify({ ...JSON.parse(line), ...changed, time })}\n` })
  }
  add(startLine(EPOCHS), { batchesPerEpoch: batches })
  for (let epoch = 1; epoch <= EPOCHS; epoch++) {
    for (const [i, which] of permutation(batches, randomStream(1, 'shuffle', epoch)).entries()) {
      const seconds = real![which]! / 1000
      at += seconds
      add(stepLine((epoch - 1) * batches + i + 1), { epoch, batch: i + 1, seconds })
    }
    at += TEST_SECONDS
    add(epochLine(epoch), { step: epoch * batches, testSeconds: TEST_SECONDS })
  }
  return lines
}

test('the time left is right within 10 %, whether the log is followed from its beginning or come upon later', async () => {
  const folder = makeRun(temporaryFolder(), 'run')
  writeFileSync(join(folder, '.lock'), `${process.pid} ${hostname()} x\n`)
  const lines = logOf()
  const end = lines.at(-1)!.at
  writeLog(folder, '')
  const followed = new RunLatest('run', folder)
  const secondsLeft = async (latest: RunLatest): Promise<number | null> => (await latest.look())!.secondsLeft
  expect(await secondsLeft(followed)).toBeNull()
  const errors: number[] = []
  const place = (epoch: number, share: number): number => 1 + Math.round((epoch - 1 + share) * (batches + 1))
  let done = 0
  for (const [epoch, share] of [1, 2, 3, 4].flatMap(epoch => [0.2, 0.5, 0.9].map(share => [epoch, share] as const))) {
    const upTo = place(epoch, share)
    appendLog(
      folder,
      lines
        .slice(done, upTo)
        .map(({ text }) => text)
        .join(''),
    )
    done = upTo
    const { at } = lines[done - 1]!
    if (at < 60) continue
    for (const latest of [followed, new RunLatest('run', folder)]) {
      errors.push(Math.abs((await secondsLeft(latest))! - (end - at)) / (end - at))
    }
  }
  expect(errors.length).toBeGreaterThan(20)
  expect(Math.max(...errors)).toBeLessThan(0.1)
})

test('a run that goes on, for more epochs and at another pace, is judged by what it does since', async () => {
  const folder = makeRun(temporaryFolder(), 'run')
  writeFileSync(join(folder, '.lock'), `${process.pid} ${hostname()} x\n`)
  const timed = (line: string, at: number, changed: object = {}): string =>
    `${JSON.stringify({ ...JSON.parse(line), ...changed, time: new Date(1000 * at).toISOString() })}\n`
  let text = timed(startLine(2), 0)
  for (let step = 1; step <= 10; step++) text += timed(stepLine(step), step)
  text += timed(epochLine(1), 12, { epochs: 2 }) + timed(startLine(4, 10), 100)
  for (let step = 11; step <= 20; step++) text += timed(stepLine(step), 100 + (step - 10) / 2)
  writeLog(folder, `${text}${timed(epochLine(2), 106, { epochs: 4 })}`)
  // Two more epochs of ten steps of half a second, and a second of evaluation.
  expect(await new RunLatest('run', folder).look()).toMatchObject({ epochs: 4, secondsLeft: 12 })
})
