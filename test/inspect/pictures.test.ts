// Pictures and files of inspections: well-formed, of the right size, with every number in them; odd networks and names.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { loadSharp } from '../../dist/data/loading/decode.js'
import {
  featureReuse,
  firstFilters,
  type InspectionRequest,
  inspection,
  layersInspection,
  pngOf,
  readLayerHistory,
  weightStatistics,
  writeInspection,
} from '../../dist/entries/inspect.js'
import { DenseNet } from '../../dist/index.js'
import { overlaid } from '../../dist/inspect/pictures/cam.js'
import { colourAt, hex, VIRIDIS } from '../../dist/inspect/pictures/colours.js'
import { TINY, temporaryFolder, tinyDataset } from '../training/fixtures.js'

const folder = temporaryFolder()
const on = createReferenceBackend()
const sharp = await loadSharp()
const model = DenseNet.create({ ...TINY, classes: 3 }, { seed: 5 })
model.classes = ['<script>alert(1)</script>', 'a & "b"', '\u0000\u0007c']
model.normalisation = { mean: [100, 100, 100], deviation: [50, 50, 50] }
const image = { width: 8, height: 8, data: Uint8Array.from({ length: 192 }, (_, i) => (i * 37) % 256) }

/** librsvg is a strict XML parser. */
const drawn = async (svg: string) => sharp(await pngOf(svg)).metadata()

const requests: readonly InspectionRequest[] = [
  { what: 'reuse' },
  { what: 'reuse', scale: 'raw', measure: 'mean-per-map' },
  { what: 'gradcam', image },
  { what: 'gradcam', image, layer: 'features.denseblock1.denselayer1', classes: [2, 0] },
  { what: 'filters' },
  { what: 'activations', image, layer: 'features.conv0', maps: 3 },
  { what: 'activations', image, layer: 'pooled' },
  { what: 'weights' },
]

describe.each(requests)('$what %#', request => {
  test('is drawn in any width, and is the size it says', async () => {
    const { svg } = await inspection(model, request, { on })
    for (const room of [200, 390, 1100]) {
      const picture = await svg({ room })
      const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(picture)!
      expect(await drawn(picture)).toMatchObject({
        width: 2 * Number(width),
        height: 2 * Number(height),
        format: 'png',
      })
      expect(picture).not.toMatch(/NaN|undefined|Infinity|<script/)
    }
  })

  test('its numbers are JSON', async () => {
    const { data } = await inspection(model, request, { on })
    expect(JSON.parse(JSON.stringify(data))).toEqual(data)
  })
})

test('a network whose weights are not finite is drawn all the same', async () => {
  const parameters = model.state.parameters.map((value, i) => (i % 3 === 0 ? Number.NaN : i % 7 === 0 ? 1 / 0 : value))
  const { config, normalisation, preprocessing, classes, multiLabel } = model
  const broken = { config, normalisation, preprocessing, classes, multiLabel, state: { ...model.state, parameters } }
  for (const what of ['reuse', 'filters', 'weights'] as const) {
    const { svg } = await inspection(broken, { what }, { on })
    const picture = await svg()
    expect(picture).not.toMatch(/NaN|Infinity/)
    expect((await drawn(picture)).format).toBe('png')
  }
  const [conv0] = weightStatistics(broken)
  expect(conv0!.nonFinite).toBeGreaterThan(0)
  expect(conv0!.mean).not.toBeNaN()
})

test('grey images have grey filters, one tile for each channel of others', async () => {
  for (const inputChannels of [1, 2]) {
    const other = DenseNet.create({ ...TINY, inputChannels }, { seed: 1 })
    expect(firstFilters(other)).toMatchObject({ channels: inputChannels, size: 3, count: other.config.initialChannels })
    const { svg } = await inspection(other, { what: 'filters' })
    expect((await drawn(await svg())).format).toBe('png')
  }
})

describe('files', () => {
  test('of each ending', async () => {
    const reuse = await inspection(model, { what: 'reuse' })
    const at = (ending: string): string => join(folder, `reuse${ending}`)
    for (const ending of ['.svg', '.PNG', '.json', '.csv']) await writeInspection(at(ending), reuse)
    expect(readFileSync(at('.svg'), 'utf8')).toBe(`${await reuse.svg()}\n`)
    expect(readFileSync(at('.PNG')).subarray(1, 4).toString()).toBe('PNG')
    expect(JSON.parse(readFileSync(at('.json'), 'utf8'))).toEqual(featureReuse(model))
    const [head, ...rows] = parse(readFileSync(at('.csv'))) as string[][]
    expect(head).toEqual(['block', 'source', 'target', 'value'])
    const cells = featureReuse(model).blocks.flatMap(({ values }) => values.flat())
    expect(rows.map(row => Number(row[3]))).toEqual(
      cells.filter(value => value !== null).map(value => Number(value.toPrecision(6))),
    )
    await expect(writeInspection(join(folder, 'a.txt'), reuse)).rejects.toThrow(
      'expected a file that ends in .svg, .png, .json, .csv for the output',
    )
    const filters = await inspection(model, { what: 'filters' })
    await expect(writeInspection(join(folder, 'b.csv'), filters)).rejects.toThrow('filters is no table for a CSV file')
    await expect(writeInspection(join(folder, 'none', 'c.svg'), filters)).rejects.toThrow('is missing while writing')
    expect(
      readdirSync(folder).filter(name => name.endsWith('.tmp') || name.startsWith('b') || name.startsWith('c')),
    ).toEqual([])
  })

  test('of a Grad-CAM as a table: row by row, with hostile names quoted', async () => {
    const cam = await inspection(model, { what: 'gradcam', image, classes: [1] }, { on })
    await writeInspection(join(folder, 'cam.csv'), cam)
    const [head, ...rows] = parse(readFileSync(join(folder, 'cam.csv'))) as string[][]
    expect(head).toEqual(['class', 'row', 'column', 'value'])
    expect(rows).toHaveLength(16)
    expect(rows[5]!.slice(0, 3)).toEqual(['a & "b"', '1', '1'])
  })
})

test('what is unknown is refused', async () => {
  await expect(inspection(model, { what: 'soul' as 'filters' })).rejects.toThrow('expected one of reuse, gradcam')
  await expect(inspection(model, { what: 'weights', tensors: ['conv9*'] })).rejects.toThrow(
    'no tensor is called "conv9*"',
  )
})

test("viridis is matplotlib's at its ends and its middle, and the scale ends at its ends", () => {
  expect([0, 0.5, 1, -3, 7].map(share => hex(colourAt(VIRIDIS, share)))).toEqual([
    '#440154',
    '#21918c',
    '#fde725',
    '#440154',
    '#fde725',
  ])
})

test('a map over an image: nothing where it is 0 everywhere, most where it is most', () => {
  const grey = { height: 4, width: 4, data: new Uint8Array(48).fill(128) }
  const empty = overlaid(grey, [0, 0, 0, 0], { height: 2, width: 2 })
  expect(new Set(empty.data.filter((_, i) => i % 3 === 0)).size).toBe(1)
  const { data } = overlaid(grey, [0, 0, 0, 5], { height: 2, width: 2 })
  const red = (y: number, x: number): number => data[3 * (4 * y + x)]!
  expect(red(3, 3)).toBeGreaterThan(red(1, 1))
  expect(red(0, 3)).toBe(red(3, 0))
  const single = overlaid(grey, [2], { height: 1, width: 1 })
  expect(new Set(single.data.filter((_, i) => i % 3 === 0)).size).toBe(1)
})

describe('layers over epochs', () => {
  const run = join(folder, 'run')

  test('of a run, with torn and foreign lines in its log', async () => {
    const trained = DenseNet.create(TINY, { seed: 3 })
    await trained.fit(tinyDataset('train', 16), {
      on,
      epochs: 3,
      batchSize: 8,
      loaderThreads: 0,
      layerStatistics: true,
      output: run,
    })
    const whole = await readLayerHistory(run)
    expect(whole.epochs).toEqual([1, 2, 3])
    expect(whole.tensors[0]!.name).toBe('features.conv0.weight')
    expect(whole.tensors[0]!.weights).toHaveLength(3)
    const log = join(run, 'log.jsonl')
    const text = readFileSync(log, 'utf8')
    const odd =
      '{"type":"layers","epoch":9,"tensors":[{"name":1}]}\n{"type":"layers","epoch":"x"}\n{"type":"layers","epoch":10,"step":1,"tensors":[]}\n'
    writeFileSync(log, `${text}${odd}{"type":"layers","epoch":4,"ten`)
    expect(await readLayerHistory(run)).toEqual(whole)

    const { data, rows, svg } = await layersInspection(run, ['*norm1.*'])
    expect((data as typeof whole).tensors.map(({ name }) => name).every(name => name.includes('norm1'))).toBe(true)
    expect(rows).toHaveLength(1 + 3 * 2 * (data as typeof whole).tensors.length)
    for (const room of [300, 1100]) expect((await drawn(await svg({ room }))).format).toBe('png')
  })

  test('are asked for in vain', async () => {
    await expect(readLayerHistory(join(folder, 'nothing'))).rejects.toThrow('it has no log.jsonl')
    const silent = join(folder, 'silent')
    mkdirSync(silent)
    writeFileSync(join(silent, 'log.jsonl'), '{"type":"start"}\n')
    await expect(readLayerHistory(silent)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('has no statistics of layers'),
      hint: 'train with --layer-statistics',
    })
  })
})
