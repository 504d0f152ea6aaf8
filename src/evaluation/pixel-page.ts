// The report on images whose every pixel has a class, as a page.
import { basename } from 'node:path'
import { html } from 'hono/html'
import { colourOf, colourText } from '../images/mask-colours.js'
import type { MaskPictures } from './mask-pictures.js'
import { confusionSection, error, grouped, type Html, percent, reportFrame, tiles, trainingTable } from './page.js'
import type { PixelReport, PixelTestScores, ReportedImage } from './pixel-report.js'

const STATISTICS = {
  own: "Batch norms took each image's own statistics, as the authors have it.",
  running: 'Batch norms took the running statistics of training.',
} as const

/** `pictures`: by their image's number in the data set. */
export function pixelPage(report: PixelReport, pictures: ReadonlyMap<number, MaskPictures>): string {
  const { scores, statistics, worst, best } = report
  const headline = tiles([
    ['mean IoU', percent(scores.meanIou)],
    ['pixel error', error(100 * (1 - scores.accuracy))],
    ['loss', scores.loss.toFixed(4)],
    ['labelled pixels', grouped(scores.pixels)],
  ])
  return reportFrame(report, scores.images, [
    headline,
    html`<p>${STATISTICS[statistics]} Intersections and unions are summed up over all images; pixels without a label count
in neither.</p>`,
    trainingTable(report),
    classTable(scores),
    confusion(report),
    gallery('Worst images', 'Those of the lowest mean IoU of their own.', worst, report, pictures),
    best.length > 0 ? gallery('Best images', 'Those of the highest.', best, report, pictures) : html``,
  ])
}

function classTable({ classes, pixels, meanIou }: PixelTestScores): Html {
  const rows = classes.map(
    ({ name, pixels, iou, precision, recall }, label) =>
      html`<tr><th><i class="swatch" style="background:${colourText(colourOf(label))}"></i> ${name}</th><td>${grouped(pixels)}</td><td>${percent(iou)}</td><td>${percent(precision)}</td><td>${percent(recall)}</td></tr>\n`,
  )
  const mean = html`<tr class="sum"><th>mean</th><td>${grouped(pixels)}</td><td>${percent(meanIou)}</td><td></td><td></td></tr>`
  return html`<section><h2>Classes</h2>
<div class="wide"><table><thead><tr><th></th><th>pixels</th><th>IoU</th><th>precision</th><th>recall</th></tr></thead>
<tbody>${rows}${mean}</tbody></table></div></section>`
}

const confusion = ({ confusion, classes, confusedPairs }: PixelReport): Html =>
  confusionSection({
    confusion,
    classes,
    pairs: confusedPairs.map(({ label, predicted, pixels }) => [label, predicted, pixels]),
    unit: 'pixels',
    cell: (count, share) => (count === 0 ? '' : percent(share)),
  })

function gallery(
  title: string,
  which: string,
  images: readonly ReportedImage[],
  { dataset }: PixelReport,
  pictures: ReadonlyMap<number, MaskPictures>,
): Html {
  const rows = images.map(({ index, file, accuracy, meanIou }) => {
    const shown = pictures.get(index)
    const name = file === null ? `image ${index} of ${basename(dataset)}` : file
    const short = file === null ? `image ${index}` : basename(file)
    const cells =
      shown &&
      html`<img src="${shown.image}" alt="${short}"><img src="${shown.truth}" alt="its labels"><img src="${shown.predicted}" alt="what was predicted">`
    return html`<figure class="triple" title="${name}"><div>${cells}</div><figcaption><b>${percent(meanIou)}</b> mean IoU, ${error(100 * (1 - accuracy))} of its pixels wrong <small>${short}</small></figcaption></figure>\n`
  })
  return html`<section><h2>${title}</h2>
<p>${which} From the left: the image, the colours of its labels over it, and those of the predicted classes.</p>
<div class="triples">${rows}</div></section>`
}
