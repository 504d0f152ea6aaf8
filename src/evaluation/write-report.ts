// The report of an evaluation: one self-contained HTML page, the same facts as JSON, and every prediction as CSV.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Dataset, takeImages } from '../data/dataset.js'
import { loadSharp } from '../data/decode.js'
import { createLoader } from '../data/loader.js'
import { toBytes } from '../data/sheet.js'
import { fileError, writeFileAtomically } from '../util/files.js'
import { predictionsCsv } from './csv.js'
import { reportPage } from './page.js'
import type { Predictions } from './predict.js'
import { makeReport, type ReportedMistake, type ReportFacts } from './report.js'
import type { Scores } from './scores.js'

/** Writes report.html, report.json and predictions.csv into a folder; resolves to their paths. */
export async function writeReport(
  folder: string,
  facts: ReportFacts,
  dataset: Dataset,
  predictions: Predictions,
  scores: Scores,
): Promise<{ html: string; json: string; csv: string }> {
  try {
    await mkdir(folder, { recursive: true })
  } catch (error) {
    throw fileError(error, `making the folder ${folder}`)
  }
  const report = makeReport(facts, dataset, predictions, scores)
  const [html, json, csv] = ['report.html', 'report.json', 'predictions.csv'].map(name => join(folder, name))
  await writeFileAtomically(csv!, predictionsCsv(dataset, predictions))
  await writeFileAtomically(json!, `${JSON.stringify(report, null, 1)}\n`)
  await writeFileAtomically(html!, reportPage(report, await thumbnails(dataset, report.worst)))
  return { html: html!, json: json!, csv: csv! }
}

/** Each as the network saw it, as the address of a PNG or JPEG image in the page itself. */
async function thumbnails(dataset: Dataset, worst: readonly ReportedMistake[]): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>()
  if (worst.length === 0) return found
  const shown = takeImages(
    dataset,
    worst.map(({ index }) => index),
  )
  const loader = createLoader(shown, { batchSize: 1, seed: 0, shuffle: false, workers: 0 })
  const sharp = await loadSharp()
  const { height, width } = dataset
  for await (const { images, indices } of loader.epoch(1)) {
    const image = sharp(toBytes(images, dataset), { raw: { width, height, channels: 3 } })
    const small = width <= 64
    const bytes = small ? await image.png().toBuffer() : await image.resize(144).jpeg({ quality: 80 }).toBuffer()
    const index = worst[indices[0]!]!.index
    found.set(index, `data:image/${small ? 'png' : 'jpeg'};base64,${bytes.toString('base64')}`)
  }
  return found
}
