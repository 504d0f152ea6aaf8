// The report of an evaluation: one self-contained HTML page, the same facts as JSON, and every prediction as CSV.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset } from '../data/dataset.js'
import { fileError, writeFileAtomically } from '../util/files.js'
import { predictionsCsv } from './csv.js'
import { reportPage } from './page.js'
import type { Predictions } from './predict.js'
import { makeReport, type ReportFacts } from './report.js'
import type { Scores } from './scores.js'
import { thumbnails } from './thumbnails.js'

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
