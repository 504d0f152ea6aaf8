// The report of an evaluation: one self-contained HTML page, the same facts as JSON, and every prediction as CSV.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset } from '../images/dataset.js'
import { fileError, writeFileAtomically } from '../node/files.js'
import { multiLabelCsv, pixelsCsv, predictionsCsv } from './csv.js'
import type { PixelPredictions } from './evaluate-pixels.js'
import { maskPictures } from './mask-pictures.js'
import { makeMultiLabelReport, multiLabelPage } from './multi-label-page.js'
import type { MultiLabelPredictions, MultiLabelScores } from './multi-label-scores.js'
import { reportPage } from './page.js'
import { pixelPage } from './pixel-page.js'
import { makePixelReport } from './pixel-report.js'
import type { Predictions } from './predict.js'
import { makeReport, type ReportFacts } from './report.js'
import type { Scores } from './scores.js'
import { thumbnails } from './thumbnails.js'

/** Where a report's files are. */
export interface WrittenReport {
  readonly html: string
  readonly json: string
  readonly csv: string
}

/** Writes report.html, report.json and predictions.csv into a folder; resolves to their paths. */
export async function writeReport(
  folder: string,
  facts: ReportFacts,
  dataset: Dataset,
  predictions: Predictions,
  scores: Scores | MultiLabelScores,
): Promise<WrittenReport> {
  const { report, page, table } =
    'subsetError' in scores
      ? multiLabelContent(facts, dataset, predictions as MultiLabelPredictions, scores)
      : content(facts, dataset, predictions, scores)
  return written(folder, { report, table, page: async () => page(await thumbnails(dataset, report.worst)) })
}

/** The same of images whose every pixel has a class. */
export async function writePixelReport(
  folder: string,
  facts: Parameters<typeof makePixelReport>[0],
  dataset: Dataset,
  predictions: PixelPredictions,
): Promise<WrittenReport> {
  const report = makePixelReport(facts, dataset, predictions)
  const shown = [...predictions.worst, ...predictions.best]
  const page = async () => pixelPage(report, await maskPictures(dataset, shown))
  return written(folder, { report, table: pixelsCsv(dataset, predictions), page })
}

interface Content {
  readonly report: object
  readonly table: string
  readonly page: () => Promise<string>
}

async function written(folder: string, { report, table, page }: Content): Promise<WrittenReport> {
  try {
    await mkdir(folder, { recursive: true })
  } catch (error) {
    throw fileError(error, `making the folder ${folder}`)
  }
  const [html, json, csv] = ['report.html', 'report.json', 'predictions.csv'].map(name => join(folder, name))
  await writeFileAtomically(csv!, table)
  await writeFileAtomically(json!, `${JSON.stringify(report, null, 1)}\n`)
  await writeFileAtomically(html!, await page())
  return { html: html!, json: json!, csv: csv! }
}

type Pictures = ReadonlyMap<number, string>

function content(facts: ReportFacts, dataset: Dataset, predictions: Predictions, scores: Scores) {
  const report = makeReport(facts, dataset, predictions, scores)
  const page = (pictures: Pictures): string => reportPage(report, pictures)
  return { report, page, table: predictionsCsv(dataset, predictions) }
}

function multiLabelContent(
  facts: ReportFacts,
  dataset: Dataset,
  predictions: MultiLabelPredictions,
  scores: MultiLabelScores,
) {
  const report = makeMultiLabelReport(facts, dataset, predictions, scores)
  const page = (pictures: Pictures): string => multiLabelPage(report, pictures)
  return { report, page, table: multiLabelCsv(dataset, predictions) }
}
