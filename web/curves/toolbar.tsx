// How to look at the curves, all of it reachable with keys.
import { KEYS } from './chart.js'
import { type Axis, asTable, axis, logScale, type Range, range, SMOOTHINGS, setAxis, smoothing, zoom } from './view.js'

const AXES: readonly { readonly id: Axis; readonly title: string }[] = [
  { id: 'step', title: 'by step' },
  { id: 'epoch', title: 'by epoch' },
]

export function Toolbar({ whole }: { whole: Range }) {
  const { index, steps } = smoothing
  const byStep = axis.value === 'step'
  return (
    <div class="toolbar" role="toolbar" aria-label="How the curves are shown">
      <span class="group">
        {AXES.map(({ id, title }) => (
          <button key={id} type="button" aria-pressed={axis.value === id} onClick={() => setAxis(id)}>
            {title}
          </button>
        ))}
      </span>
      <label class={byStep ? '' : 'soft'}>
        smooth
        <input
          type="range"
          min={0}
          max={SMOOTHINGS.length - 1}
          value={index}
          disabled={!byStep}
          aria-valuetext={steps === 0 ? 'not at all' : `over ${steps} steps`}
          onInput={event => {
            smoothing.index = event.currentTarget.valueAsNumber
          }}
        />
        <output class="steps">{steps === 0 ? 'off' : steps}</output>
      </label>
      <button
        type="button"
        aria-pressed={logScale.value}
        onClick={() => {
          logScale.value = !logScale.value
        }}
      >
        log
      </button>
      <span class="group">
        <button type="button" aria-label="Nearer" onClick={() => zoom(0.5, whole)}>
          +
        </button>
        <button type="button" aria-label="Further" disabled={range.value === null} onClick={() => zoom(2, whole)}>
          −
        </button>
        <button
          type="button"
          disabled={range.value === null}
          onClick={() => {
            range.value = null
          }}
        >
          all
        </button>
      </span>
      <button
        type="button"
        aria-pressed={asTable.value}
        onClick={() => {
          asTable.value = !asTable.value
        }}
      >
        as tables
      </button>
      <span class="soft keys">Drag to zoom, double-click for all. Keys on a chart: {KEYS}.</span>
    </div>
  )
}
