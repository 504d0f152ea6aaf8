// A finished evaluation: figures, confusion matrix, worst mistakes, classes, calibration.

import type { ComponentChildren } from 'preact'
import { reliabilityDiagram } from '../../src/evaluation/diagram.js'
import type { Evaluation } from '../api.js'
import { error, grouped, share } from '../format.js'
import { Confusion } from './confusion.js'

interface FindingsProps {
  readonly evaluation: Evaluation
  readonly best: boolean
  /** Laid over the picture of a mistake, by its place in the list. */
  readonly over?: (place: number) => ComponentChildren
}

/** Of so few classes the right one is always among the five likeliest. */
const FEW = 5

export function Findings({ evaluation, best, over }: FindingsProps) {
  const { report, thumbnails } = evaluation
  const { scores } = report
  const figures: [string, string][] = [
    ['error', error(scores.top1Error)],
    ...(report.classes.length > FEW ? [['top-5 error', error(scores.top5Error)] as [string, string]] : []),
    ['loss', scores.loss.toFixed(4)],
    ['mean F1', share(scores.macro.f1)],
    ['calibration error', share(scores.expectedCalibrationError)],
    ['images', grouped(scores.images)],
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
      {best && report.training !== null && (
        <p class="soft">This checkpoint was picked by looking at these images: its error is optimistic.</p>
      )}
      <Confusion
        {...report}
        pairs={report.confusedPairs.map(({ images, ...pair }) => ({ ...pair, count: images }))}
        unit="images"
      />
      <Worst evaluation={evaluation} over={over} key={thumbnails.length} />
      <div class="beside">
        <Classes evaluation={evaluation} />
        <section>
          <h2>Calibration</h2>
          <p class="soft">Of predictions made with a confidence of 80 %, 80 % should be right: bars on the line.</p>
          <div dangerouslySetInnerHTML={{ __html: reliabilityDiagram(scores.calibration) }} />
        </section>
      </div>
    </div>
  )
}

function Worst({ evaluation: { report, thumbnails }, over }: Omit<FindingsProps, 'best'>) {
  const { worst, classes } = report
  return (
    <section>
      <h2>Worst mistakes</h2>
      <p class="soft">
        {worst.length === 0
          ? 'There are none.'
          : 'The wrong answers the network was surest of. Bold: its answer; below: what the image is.'}
      </p>
      <ul class="mistakes">
        {worst.map(({ index, file, label, predicted, confidence, ofLabel }, i) => (
          <li key={index} title={file ?? `image ${index}`}>
            <span class="shown">
              {thumbnails[i] && <img src={thumbnails[i]} alt={`${classes[label]}, number ${index}`} />}
              {over?.(i)}
            </span>
            <b>{classes[predicted]}</b> {share(confidence, 0)}
            <span class="soft">
              is {classes[label]} {share(ofLabel, 0)}
            </span>
            <span class="soft file">{file === null ? `image ${index}` : file.split('/').at(-1)}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Classes({ evaluation: { report } }: { evaluation: Evaluation }) {
  const { classes, macro, images } = report.scores
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <section class="wide" tabIndex={0} aria-label="Classes">
      <h2>Classes</h2>
      <table>
        <thead>
          <tr>
            <th class="text">class</th>
            <th>images</th>
            <th>precision</th>
            <th>recall</th>
            <th>F1</th>
          </tr>
        </thead>
        <tbody>
          {classes.map(({ name, images, precision, recall, f1 }) => (
            <tr key={name}>
              <th>{name}</th>
              <td>{grouped(images)}</td>
              <td>{share(precision)}</td>
              <td>{share(recall)}</td>
              <td>{share(f1)}</td>
            </tr>
          ))}
          <tr class="best">
            <th>mean</th>
            <td>{grouped(images)}</td>
            <td>{share(macro.precision)}</td>
            <td>{share(macro.recall)}</td>
            <td>{share(macro.f1)}</td>
          </tr>
        </tbody>
      </table>
    </section>
  )
}
