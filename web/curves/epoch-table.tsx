// The curves as numbers: a line for each epoch.
import { judgedBy } from '../../src/training/judged.js'
import { bytes, duration, error, figure, rounded, standing } from '../format.js'
import type { DrawnRun } from './lines.js'

/** What is counted as wrong, by what networks are judged by. */
const ERRORS = { error: 'error', 'mean AP': 'subset error', 'mean IoU': 'pixel error' } as const

export function EpochTable({ summary, series }: DrawnRun) {
  const epochs = series.epochs.value?.epochs ?? []
  if (epochs.length === 0) return <p class="soft">No epoch of {summary.id} is done yet.</p>
  const { best } = summary
  const { name, best: extreme } = judgedBy(best ?? epochs[0]!.train)
  const wrong = ERRORS[name]
  const star = (epoch: number) => epoch === best?.epoch && <span title={extreme}>★ </span>
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <section class="wide epochs" tabIndex={0} aria-label={`Epochs of ${summary.id}`}>
      <table>
        <caption>
          {summary.id}{' '}
          <span class="soft">
            – {extreme} {summary.on} {name} marked
          </span>
        </caption>
        <thead>
          <tr>
            <th>epoch</th>
            <th>train loss</th>
            <th>train {wrong}</th>
            <th>{summary.on} loss</th>
            <th>
              {summary.on} {wrong}
            </th>
            <th>{name === 'error' ? 'top-5 error' : `${summary.on} ${name}`}</th>
            <th>learning rate</th>
            <th>images/s</th>
            <th>memory</th>
            <th>time</th>
          </tr>
        </thead>
        <tbody>
          {epochs.toReversed().map(({ epoch, train, test, learningRate, throughput, memory, seconds, testSeconds }) => (
            <tr key={epoch} class={epoch === best?.epoch ? 'best' : ''}>
              <th class="number">{epoch}</th>
              <td>{figure(train.loss)}</td>
              <td>{error(train.top1Error)}</td>
              <td>{figure(test?.loss)}</td>
              <td>
                {name === 'error' && star(epoch)}
                {error(test?.top1Error)}
              </td>
              <td>
                {name !== 'error' && star(epoch)}
                {name === 'error' ? error(test?.top5Error) : test ? standing(test) : '–'}
              </td>
              <td>{figure(learningRate)}</td>
              <td>{throughput === null ? '–' : rounded(throughput)}</td>
              <td>{memory === null ? '–' : bytes(memory)}</td>
              <td>{duration(seconds + testSeconds)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
