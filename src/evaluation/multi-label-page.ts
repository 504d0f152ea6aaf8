// The report on images that may have several labels: as plain data, and as a page.
import { basename } from 'node:path'
import { html, raw } from 'hono/html'
import type { Dataset } from '../images/dataset.js'
import { reliabilityDiagram } from './diagram.js'
import { type MultiLabelPredictions, type MultiLabelScores, type WrongLabel, worstCalls } from './multi-label-scores.js'
import { error, grouped, type Html, percent, reportFrame, tiles, trainingTable } from './page.js'
import type { ReportFacts } from './report.js'

export interface ReportedWrongLabel extends WrongLabel {
  /** Of the data set. */
  readonly index: number
  readonly file: string | null
}

export interface MultiLabelReport extends ReportFacts {
  readonly dataset: string
  readonly multiLabel: true
  readonly scores: MultiLabelScores
  readonly classes: readonly string[]
  readonly worst: readonly ReportedWrongLabel[]
}

const WORST = 24

export function makeMultiLabelReport(
  facts: ReportFacts,
  dataset: Dataset,
  predictions: MultiLabelPredictions,
  scores: MultiLabelScores,
): MultiLabelReport {
  return {
    ...facts,
    dataset: dataset.name,
    multiLabel: true,
    scores,
    classes: scores.classes.map(({ name }) => name),
    worst: worstCalls(predictions, WORST).map(call => {
      const index = predictions.indices[call.image]!
      return { ...call, index, file: 'files' in dataset ? dataset.files[index]! : null }
    }),
  }
}

/** `thumbnails`: addresses of pictures, by their image's number in the data set. */
export function multiLabelPage(report: MultiLabelReport, thumbnails: ReadonlyMap<number, string>): string {
  const { scores } = report
  const headline = tiles([
    ['mean average precision', percent(scores.meanAveragePrecision)],
    ['mean AUC', area(scores.meanAuc)],
    ['mean F1', percent(scores.macroF1)],
    ['subset error', error(scores.subsetError)],
    ['label error', error(scores.labelError)],
    ['loss', scores.loss.toFixed(4)],
    ['calibration error', percent(scores.expectedCalibrationError)],
  ])
  return reportFrame(report, scores.images, [
    headline,
    html`<p>Subset error: images with any class wrong; label error: classes of images that are wrong; both at one half.</p>`,
    trainingTable(report),
    calibration(scores),
    classTable(scores),
    worst(report, thumbnails),
  ])
}

const area = (value: number | null): string => (value === null ? '–' : value.toFixed(3))

function calibration({ calibration, expectedCalibrationError }: MultiLabelScores): Html {
  return html`<section><h2>Calibration</h2>
<div class="beside">${raw(reliabilityDiagram(calibration))}
<p>Of the classes given a probability of 80 %, 80 % should be there: bars on the line. Above it the network is more careful
than it need be, below it surer than it should be. Expected calibration error over ${calibration.length} bins:
${percent(expectedCalibrationError)}. The paler a bar, the fewer cases it stands for.</p></div></section>`
}

function classTable({ classes, images, meanAveragePrecision, meanAuc, macroF1 }: MultiLabelScores): Html {
  const rows = classes.map(
    ({ name, images, averagePrecision, auc, precision, recall, f1 }) =>
      html`<tr><th>${name}</th><td>${grouped(images)}</td><td>${percent(averagePrecision)}</td><td>${area(auc)}</td><td>${percent(precision)}</td><td>${percent(recall)}</td><td>${percent(f1)}</td></tr>\n`,
  )
  const mean = html`<tr class="sum"><th>mean</th><td>${grouped(images)}</td><td>${percent(meanAveragePrecision)}</td><td>${area(meanAuc)}</td><td></td><td></td><td>${percent(macroF1)}</td></tr>`
  return html`<section><h2>Classes</h2>
<p>Average precision and AUC are of the ranking; precision, recall and F1 of calling a class from a probability of one half on.</p>
<div class="wide"><table><thead><tr><th></th><th>images</th><th>average precision</th><th>AUC</th><th>precision</th><th>recall</th><th>F1</th></tr></thead>
<tbody>${rows}${mean}</tbody></table></div></section>`
}

function worst({ worst, classes, dataset }: MultiLabelReport, thumbnails: ReadonlyMap<number, string>): Html {
  if (worst.length === 0) return html`<section><h2>Worst mistakes</h2><p>There are none.</p></section>`
  const cards = worst.map(({ index, file, label, there, probability }) => {
    const address = thumbnails.get(index)
    const picture = address && html`<img src="${address}" alt="image ${index}">`
    const name = file === null ? `image ${index} of ${basename(dataset)}` : file
    const fact = there ? 'is there' : 'is not there'
    const short = file === null ? `image ${index}` : basename(file)
    return html`<figure title="${name}">${picture}<figcaption><b>${classes[label]}</b> ${percent(probability, 0)}<br>${fact}<br><small>${short}</small></figcaption></figure>\n`
  })
  return html`<section><h2>Worst mistakes</h2>
<p>The wrong calls the network was surest of, one for each image. Bold: the class, and the probability it was given.</p>
<div class="cards">${cards}</div></section>`
}
