// The report as a page: everything in one file, no script, light or dark as the reader's system is.

import { basename } from 'node:path'
import { html, raw } from 'hono/html'
import type { EpochScore } from '../training/events.js'
import { judgedBy } from '../training/judged.js'
import { reliabilityDiagram } from './diagram.js'
import type { Report, ReportFacts } from './report.js'
import { STYLE } from './style.js'

/** Markup: what is put into it is escaped unless it is markup, too. */
export type Html = ReturnType<typeof html>

export const percent = (share: number | null, digits = 1): string =>
  share === null ? '–' : `${(100 * share).toFixed(digits)} %`
export const error = (value: number): string => `${value.toFixed(2)} %`
export const grouped = (n: number): string => n.toLocaleString('en-US')
const MOST_IN_MATRIX = 30

const VIEW_TITLES = {
  single: 'one view of each image',
  flip: 'average over each image and its mirror image',
  ten: 'average over ten crops of each image',
} as const

/** `thumbnails`: addresses of pictures, by their image's number in the data set. */
export function reportPage(report: Report, thumbnails: ReadonlyMap<number, string>): string {
  return reportFrame(report, report.scores.images, [
    headline(report),
    trainingTable(report),
    calibration(report),
    confusion(report),
    classes(report),
    worst(report, thumbnails),
  ])
}

/** The page around the parts of a report. */
export function reportFrame(
  { network, dataset, path, views }: ReportFacts & { readonly dataset: string },
  images: number,
  parts: readonly Html[],
): string {
  const title = `${network} on ${basename(dataset)}`
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p>${path} on ${grouped(images)} test images of ${dataset}, ${VIEW_TITLES[views]}</p>
</header>
<main>
${parts}
</main>
</body>
</html>
`
  return page.toString()
}

function headline({ scores }: Report): Html {
  return tiles([
    ['error', error(scores.top1Error)],
    ['top-5 error', error(scores.top5Error)],
    ['loss', scores.loss.toFixed(4)],
    ['mean F1', percent(scores.macro.f1)],
    ['calibration error', percent(scores.expectedCalibrationError)],
  ])
}

export const tiles = (figures: readonly (readonly [name: string, value: string])[]): Html =>
  html`<dl class="tiles">${figures.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`

/** What is told of an epoch: first what the best one is best in. */
function figuresOf(score: EpochScore): readonly (readonly [head: string, value: string])[] {
  const { top1Error, top5Error, meanAveragePrecision, meanIou } = score
  if (meanIou !== undefined)
    return [
      ['mean IoU', percent(meanIou)],
      ['pixel error', error(top1Error)],
    ]
  if (meanAveragePrecision !== undefined)
    return [
      ['mean average precision', percent(meanAveragePrecision)],
      ['subset error', error(top1Error)],
    ]
  return [
    ['error', error(top1Error)],
    ['top-5 error', error(top5Error)],
  ]
}

export function trainingTable({ training }: Pick<ReportFacts, 'training'>): Html {
  if (training === null) return html``
  const { last, best, epochs, finished } = training
  const heads = figuresOf(last).map(([head]) => head)
  const row = (name: string, score: EpochScore, note: string): Html => {
    const cells = [score.epoch, ...figuresOf(score).map(([, value]) => value)].map(value => html`<td>${value}</td>`)
    return html`<tr><th>${name}</th>${cells}<td class="text">${note}</td></tr>`
  }
  const lastRow = finished
    ? row('final', last, 'after the last epoch: the figure to quote')
    : row('so far', last, `after the last one of ${epochs} epochs that is done`)
  const { best: extreme } = judgedBy(last)
  const bestRow =
    best && row('best', best, `${extreme} of all epochs: picked by looking at the test images, so optimistic`)
  return html`<section><h2>While it was trained</h2>
<div class="wide"><table><thead><tr><th></th><th>epoch</th>${heads.map(head => html`<th>${head}</th>`)}<th></th></tr></thead><tbody>
${lastRow}
${bestRow}
</tbody></table></div></section>`
}

function calibration({ scores }: Report): Html {
  return html`<section><h2>Calibration</h2>
<div class="beside">${raw(reliabilityDiagram(scores.calibration))}
<p>Of the predictions made with a confidence of 80 %, 80 % should be right: bars on the line. Above it the network is more
careful than it need be, below it surer than it should be. Expected calibration error over ${scores.calibration.length}
bins: ${percent(scores.expectedCalibrationError)}. The paler a bar, the fewer images it stands for.</p></div></section>`
}

function confusion({ confusion, classes, confusedPairs }: Report): Html {
  return confusionSection({
    confusion,
    classes,
    pairs: confusedPairs.map(({ label, predicted, images }) => [label, predicted, images]),
    unit: 'images',
    cell: count => String(count || ''),
  })
}

export interface Confused {
  readonly confusion: readonly (readonly number[])[] | null
  readonly classes: readonly string[]
  readonly pairs: readonly (readonly [label: string, predicted: string, count: number])[]
  /** What is counted. */
  readonly unit: string
  /** A cell's text. */
  readonly cell: (count: number, share: number) => string
}

export function confusionSection({ confusion, classes, pairs, unit, cell }: Confused): Html {
  const lines = pairs.map(
    ([label, predicted, count]) =>
      html`<tr><th>${label}</th><td class="text">${predicted}</td><td>${grouped(count)}</td></tr>\n`,
  )
  const table = html`<table><thead><tr><th>true class</th><th class="text">taken for</th><th>${unit}</th></tr></thead><tbody>${lines}</tbody></table>`
  const list = lines.length === 0 ? html`<p>None was confused.</p>` : table
  if (confusion === null || classes.length > MOST_IN_MATRIX) {
    return html`<section><h2>Most confused classes</h2>${list}</section>`
  }
  const head = classes.map(name => html`<th class="up"><span>${name}</span></th>`)
  const rows = confusion.map((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0)
    const cells = row.map((count, predicted) => {
      const share = total > 0 ? count / total : 0
      const kind = predicted === label ? 'right' : 'wrong'
      const title = `${classes[label]!} taken for ${classes[predicted]!}: ${count} of ${total}`
      const strength = count === 0 ? 0 : 0.12 + 0.78 * Math.sqrt(share)
      return html`<td class="${kind}" style="--share:${strength.toFixed(3)}" title="${title}">${cell(count, share)}</td>`
    })
    return html`<tr><th>${classes[label]}</th>${cells}</tr>\n`
  })
  return html`<section><h2>Confusion matrix</h2>
<p>Rows: the true class; columns: what the network said.</p>
<div class="wide"><table class="matrix"><thead><tr><th></th>${head}</tr></thead><tbody>${rows}</tbody></table></div>
<details><summary>Most confused classes</summary>${list}</details></section>`
}

function classes({ scores }: Report): Html {
  const rows = scores.classes.map(
    ({ name, images, precision, recall, f1 }) =>
      html`<tr><th>${name}</th><td>${grouped(images)}</td><td>${percent(precision)}</td><td>${percent(recall)}</td><td>${percent(f1)}</td></tr>\n`,
  )
  const { precision, recall, f1 } = scores.macro
  const mean = html`<tr class="sum"><th>mean</th><td>${grouped(scores.images)}</td><td>${percent(precision)}</td><td>${percent(recall)}</td><td>${percent(f1)}</td></tr>`
  return html`<section><h2>Classes</h2>
<div class="wide"><table><thead><tr><th></th><th>images</th><th>precision</th><th>recall</th><th>F1</th></tr></thead>
<tbody>${rows}${mean}</tbody></table></div></section>`
}

function worst({ worst, classes, dataset }: Report, thumbnails: ReadonlyMap<number, string>): Html {
  if (worst.length === 0) return html`<section><h2>Worst mistakes</h2><p>There are none.</p></section>`
  const cards = worst.map(({ index, file, label, predicted, confidence, ofLabel }) => {
    const address = thumbnails.get(index)
    const picture = address && html`<img src="${address}" alt="image ${index}">`
    const name = file === null ? `image ${index} of ${basename(dataset)}` : file
    const short = file === null ? `image ${index}` : basename(file)
    return html`<figure title="${name}">${picture}<figcaption><b>${classes[predicted]}</b> ${percent(confidence, 0)}<br>is ${classes[label]} ${percent(ofLabel, 0)}<br><small>${short}</small></figcaption></figure>\n`
  })
  return html`<section><h2>Worst mistakes</h2>
<p>The wrong answers the network was surest of. Bold: its answer; below: what the image is.</p>
<div class="cards">${cards}</div></section>`
}
