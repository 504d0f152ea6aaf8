// How the shown runs differ: their settings side by side, and what came of them.
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { EpochScore } from '../../src/training/events.js'
import { judgedBy } from '../../src/training/judged.js'
import { type ApiError, ask, type RunSummary, type Settings } from '../api.js'
import { Failed } from '../failed.js'
import { duration, figure, grouped, standing } from '../format.js'
import { runs } from '../live.js'
import { colourName } from '../palette.js'
import { shownRuns } from '../route.js'
import { remembered } from '../settings.js'

const onlyDifferences = remembered('onlyDifferences', true)

/** "error 5.32 %" */
const judged = (score: EpochScore | null): string => (score ? `${judgedBy(score).name} ${standing(score)}` : '–')

/** What came of a run, as rows of the same table. */
const RESULTS: readonly (readonly [string, (run: RunSummary) => string])[] = [
  ['state', ({ state }) => state],
  ['epochs done', ({ epochsDone, epochs }) => `${grouped(epochsDone)} of ${grouped(epochs)}`],
  ['after the last epoch', ({ last }) => judged(last)],
  ['loss after the last epoch', ({ last }) => figure(last?.loss)],
  ['best', ({ best }) => (best ? `${judged(best)} at epoch ${best.epoch}` : '–')],
  [
    'time from its start to its last step',
    ({ started, updated }) => (started === null ? '–' : duration((updated - started) / 1000)),
  ],
]

export function ComparePage() {
  const ids = shownRuns.value.filter(id => runs.value.has(id))
  const settings = useSignal<ReadonlyMap<string, Settings>>(new Map())
  const failure = useSignal<ApiError | null>(null)
  useEffect(() => {
    for (const id of ids) {
      ask<Settings>('settings', { run: id }).then(
        answer => {
          settings.value = new Map(settings.value).set(id, answer)
        },
        (error: ApiError) => {
          failure.value = error
        },
      )
    }
  }, [ids.join('\n')])
  const of = (id: string, key: string): string | undefined => settings.value.get(id)?.[key]
  const keys = [...new Set(ids.flatMap(id => Object.keys(settings.value.get(id) ?? {})))]
  const differs = (key: string): boolean => new Set(ids.map(id => of(id, key))).size > 1
  const single = ids.length < 2
  const rows = keys.filter(key => single || !onlyDifferences.value || differs(key))
  return (
    <>
      <h1>Compare</h1>
      {single ? (
        <p class="soft">These are the settings of one run. Tick more runs in the list to see how they differ.</p>
      ) : (
        <p>
          <label>
            <input
              type="checkbox"
              checked={onlyDifferences.value}
              onChange={() => {
                onlyDifferences.value = !onlyDifferences.value
              }}
            />{' '}
            only what differs
          </label>{' '}
          <span class="soft">
            {keys.filter(differs).length} of {keys.length} settings
          </span>
        </p>
      )}
      {failure.value && <Failed failure={failure.value} />}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <section class="wide" tabIndex={0} aria-label="Settings and results of the shown runs">
        <table class={`compare${onlyDifferences.value ? ' only' : ''}`}>
          <thead>
            <tr>
              <td />
              {ids.map(id => (
                <th key={id} class={`text ${colourName(id) ?? ''}`}>
                  <span class="dot" aria-hidden="true" /> {id === '.' ? 'this folder' : id}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {RESULTS.map(([name, text]) => (
              <tr key={name}>
                <th>{name}</th>
                {ids.map(id => (
                  <td key={id} class="text">
                    {text(runs.value.get(id)!)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
          <tbody>
            {rows.map(key => (
              <tr key={key} class={!single && differs(key) ? 'differs' : ''}>
                <th>{key}</th>
                {ids.map(id => (
                  <td key={id} class="text">
                    {of(id, key) ?? <span class="soft">not set</span>}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  )
}
