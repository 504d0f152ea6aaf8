// The curves as numbers: a line for each epoch.
import { bytes, duration, error, figure, judgedBy, rounded, share } from '../format.js'
import type { DrawnRun } from './lines.js'

export function EpochTable({ summary, series }: DrawnRun) {
  const epochs = series.epochs.value?.epochs ?? []
  if (epochs.length === 0) return <p class="soft">No epoch of {summary.id} is done yet.</p>
  const best = summary.best?.epoch
  const { name, extreme } = judgedBy(summary.best)
  const pixels = epochs.some(({ test }) => test?.meanIou !== undefined)
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
            <th>train error</th>
            <th>{summary.on} loss</th>
            <th>{summary.on} error</th>
            <th>{pixels ? `${summary.on} mean IoU` : 'top-5 error'}</th>
            <th>learning rate</th>
            <th>images/s</th>
            <th>memory</th>
            <th>time</th>
          </tr>
        </thead>
        <tbody>
          {epochs.toReversed().map(({ epoch, train, test, learningRate, throughput, memory, seconds, testSeconds }) => (
            <tr key={epoch} class={epoch === best ? 'best' : ''}>
              <th class="number">{epoch}</th>
              <td>{figure(train.loss)}</td>
              <td>{error(train.top1Error)}</td>
              <td>{figure(test?.loss)}</td>
              <td>
                {epoch === best && <span title={extreme}>★ </span>}
                {error(test?.top1Error)}
              </td>
              <td>{pixels ? share(test?.meanIou ?? null) : error(test?.top5Error)}</td>
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
