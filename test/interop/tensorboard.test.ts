// Records of event files: the bytes that tensorboard itself writes (test/golden/tensorboard/make_records.py).
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type BoardEvent, encodeEvent, encodeRecord } from '../../dist/interop/tensorboard.js'

const golden: Record<string, string> = JSON.parse(
  readFileSync(new URL('../golden/tensorboard/records.json', import.meta.url), 'utf8'),
)
const SECONDS = 1795531081.25
const histogram = {
  smallest: -2,
  largest: 6,
  mean: 2,
  standardDeviation: 3,
  edges: [-2, 2, 6],
  counts: [3, 4],
}

const EVENTS: Readonly<Record<string, BoardEvent>> = {
  version: { version: true },
  start: { start: true, step: 783 },
  scalars: {
    step: 5_000_000_000,
    values: [
      { tag: 'loss/step', scalar: 1.5 },
      { tag: 'a b', scalar: -1e-30 },
    ],
  },
  image: {
    step: 1,
    values: [{ tag: 'sheet', image: { height: 2, width: 300, png: Buffer.from('\x89PNG', 'latin1') } }],
  },
  histogram: { step: 1, values: [{ tag: 'weights/x', histogram }] },
}

describe('a record of tensorboard', () => {
  test.each(Object.keys(EVENTS))('%s', name => {
    const record = encodeRecord(encodeEvent(EVENTS[name]!, SECONDS))
    expect(Buffer.from(record).toString('hex')).toBe(Buffer.from(golden[name]!, 'base64').toString('hex'))
  })

  test('all of them are tried', () => {
    expect(Object.keys(EVENTS)).toEqual(Object.keys(golden))
  })
})
