// Loss, error, learning rate, throughput and memory of the shown runs, as they come.
import { computed, useSignalEffect } from '@preact/signals'
import { Chart } from '../curves/chart.js'
import { EpochTable } from '../curves/epoch-table.js'
import { type DrawnRun, linesOf, type Metric, meansOverClasses, metrics } from '../curves/lines.js'
import { RunSeries } from '../curves/series.js'
import { Toolbar } from '../curves/toolbar.js'
import { asTable, axis, bucketWidth, range, smoothing } from '../curves/view.js'
import { runs } from '../live.js'
import { Now } from '../now.js'
import { colourName } from '../palette.js'
import { currentRun, shownRuns } from '../route.js'

const TALL = 270
const LOW = 170

/** The shown runs that there are. */
const shown = computed(() =>
  shownRuns.value.flatMap(id => {
    const summary = runs.value.get(id)
    return summary && summary.state !== 'damaged' ? [{ summary, colour: colourName(id)! }] : []
  }),
)

const kept = new Map<string, RunSeries>()

function seriesOf(id: string): RunSeries {
  const series = kept.get(id) ?? new RunSeries(id)
  kept.set(id, series)
  return series
}

/** Those that are shown no more. */
function forget(): void {
  for (const [id, series] of kept) {
    if (shown.value.some(({ summary }) => summary.id === id)) continue
    series.close()
    kept.delete(id)
  }
}

export function CurvesPage() {
  const drawn: DrawnRun[] = shown.value.map(run => ({ ...run, series: seriesOf(run.summary.id) }))
  const steps = Math.max(1, ...shown.value.map(({ summary }) => summary.step))
  const epochs = Math.max(1, ...shown.value.map(({ summary }) => summary.epochsDone))
  const whole = axis.value === 'epoch' ? { from: 1, to: epochs } : { from: 0, to: steps }
  useSignalEffect(() => {
    const byStep = axis.value === 'step'
    const last = Math.max(1, ...shown.value.map(({ summary }) => summary.step))
    const width = bucketWidth(range.value ? range.value.to - range.value.from : last)
    const query = byStep ? { range: range.value, width, smoothing: smoothing.steps } : null
    forget()
    for (const { summary } of shown.value) seriesOf(summary.id).update(query)
  })
  const current = currentRun.value === null ? undefined : runs.value.get(currentRun.value)
  return (
    <>
      <h1 class="visually-hidden">Curves</h1>
      {current && <Now run={current} />}
      <Toolbar whole={whole} />
      {drawn.map(({ summary, series }) => (
        <Trouble key={summary.id} id={summary.id} series={series} />
      ))}
      {asTable.value ? (
        drawn.map(run => <EpochTable key={run.summary.id} {...run} />)
      ) : (
        <div class="charts">
          {charted(drawn).map((metric, i) => (
            <Chart
              key={metric.id}
              metric={metric}
              lines={linesOf(metric, drawn, axis.value)}
              whole={whole}
              named={drawn.length > 1}
              height={i < 2 ? TALL : LOW}
            />
          ))}
        </div>
      )}
    </>
  )
}

/** With those that only some networks have, where one of the runs has it. */
function charted(drawn: readonly DrawnRun[]): readonly Metric[] {
  const points = drawn.flatMap(({ series }) => series.epochs.value?.epochs ?? [])
  const told = meansOverClasses.filter(({ ofTraining, ofTest }) =>
    points.some(point => [ofTraining, ofTest].some(of => of && of(point) !== null)),
  )
  return [...metrics.slice(0, 2), ...told, ...metrics.slice(2)]
}

/** What is wrong with a run's log, and what the run itself warned of. */
function Trouble({ id, series }: { id: string; series: RunSeries }) {
  const { warnings = [], damagedLines = 0 } = series.epochs.value ?? {}
  const failure = series.failure.value
  if (!failure && warnings.length === 0 && damagedLines === 0) return null
  return (
    <div class="trouble">
      {failure && (
        <p class="failure" role="alert">
          {id}: {failure.message}
        </p>
      )}
      {damagedLines > 0 && (
        <p class="soft">
          {id}: {damagedLines} {damagedLines === 1 ? 'line' : 'lines'} of its log cannot be read and are left out.
        </p>
      )}
      {warnings.length > 0 && (
        <details>
          <summary>
            {id}: {warnings.length} {warnings.length === 1 ? 'warning' : 'warnings'}
          </summary>
          <ul>
            {warnings.map((warning, i) => (
              <li key={i}>{warning}</li>
            ))}
          </ul>
        </details>
      )}
    </div>
  )
}
