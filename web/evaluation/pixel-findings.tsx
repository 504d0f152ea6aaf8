// A finished evaluation of a network for pixels: figures, classes, confusion matrix, predicted masks beside pictures and truth.
import { colourOf, colourText } from '../../src/images/mask-colours.js'
import type { PixelEvaluation } from '../api.js'
import { error, grouped, share } from '../format.js'
import { Confusion } from './confusion.js'

const STATISTICS = {
  own: "Batch norms took each image's own statistics",
  running: 'Batch norms took the running statistics',
} as const

export function PixelFindings({ evaluation, best }: { evaluation: PixelEvaluation; best: boolean }) {
  const { report, pictures } = evaluation
  const { scores, confusedPairs } = report
  const figures: [string, string][] = [
    ['mean IoU', share(scores.meanIou)],
    ['pixel error', error(100 * (1 - scores.accuracy))],
    ['loss', scores.loss.toFixed(4)],
    ['images', grouped(scores.images)],
    ['labelled pixels', grouped(scores.pixels)],
  ]
  return (
    <div class="findings">
      <dl class="figures">
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p class="soft prose">
        {STATISTICS[report.statistics]}; pixels without a label count nowhere.
        {best &&
          report.training !== null &&
          ' This checkpoint was picked by looking at these images: its mean IoU is optimistic.'}
      </p>
      <Classes report={report} />
      <Masks title="Worst images" images={report.worst} pictures={pictures} />
      {report.best.length > 0 && (
        <Masks title="Best images" images={report.best} pictures={pictures.slice(report.worst.length)} />
      )}
      <Confusion
        {...report}
        pairs={confusedPairs.map(({ pixels, ...pair }) => ({ ...pair, count: pixels }))}
        unit="pixels"
        cell={(_, part) => share(part)}
      />
    </div>
  )
}

function Classes({ report }: Pick<PixelEvaluation, 'report'>) {
  const { classes, pixels, meanIou } = report.scores
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <section class="wide" tabIndex={0} aria-label="Classes">
      <h2>Classes</h2>
      <table>
        <thead>
          <tr>
            <th class="text">class</th>
            <th>pixels</th>
            <th>IoU</th>
            <th>precision</th>
            <th>recall</th>
          </tr>
        </thead>
        <tbody>
          {classes.map(({ name, pixels, iou, precision, recall }, label) => (
            <tr key={name}>
              <th>
                <Swatch label={label} /> {name}
              </th>
              <td>{grouped(pixels)}</td>
              <td>{share(iou)}</td>
              <td>{share(precision)}</td>
              <td>{share(recall)}</td>
            </tr>
          ))}
          <tr class="best">
            <th>mean</th>
            <td>{grouped(pixels)}</td>
            <td>{share(meanIou)}</td>
            <td />
            <td />
          </tr>
        </tbody>
      </table>
    </section>
  )
}

const Swatch = ({ label }: { label: number }) => (
  <span class="mask-colour" style={{ background: colourText(colourOf(label)) }} />
)

interface MasksProps {
  readonly title: string
  readonly images: PixelEvaluation['report']['worst']
  /** Of the same images. */
  readonly pictures: PixelEvaluation['pictures']
}

function Masks({ title, images, pictures }: MasksProps) {
  return (
    <section>
      <h2>{title}</h2>
      <p class="soft prose">By the mean IoU of each alone. From the left: the image, its labels, what was predicted.</p>
      <ul class="masks">
        {images.map(({ index, file, meanIou, accuracy }, i) => {
          const name = file === null ? `image ${index}` : file.split('/').at(-1)!
          const { image, truth, predicted } = pictures[i]!
          return (
            <li key={index} title={file ?? name}>
              <div>
                <img src={image} alt={name} />
                <img src={truth} alt="its labels" />
                <img src={predicted} alt="what was predicted" />
              </div>
              <b>{share(meanIou)}</b> <span class="soft">{error(100 * (1 - accuracy))} of its pixels wrong</span>
              <span class="soft file">{name}</span>
            </li>
          )
        })}
      </ul>
    </section>
  )
}
