// All runs as a table that can be sorted by any of its columns.
import { signal } from '@preact/signals'
import { judgedBy, type Measure } from '../../src/training/judged.js'
import type { RunSummary } from '../api.js'
import { age, duration, error, grouped, short } from '../format.js'
import { clock, runList } from '../live.js'
import { colourName } from '../palette.js'
import { addressOf, shownRuns, toggleShown } from '../route.js'
import { STATE_MARKS } from '../run-rail.js'

interface Column {
  readonly title: string
  readonly value: (run: RunSummary) => string | number | null
  readonly text?: (run: RunSummary) => string
  readonly words?: boolean
  /** Only where some of the runs has it. */
  readonly rare?: boolean
}

/** After the last epoch, and of the best one, where runs are judged by this. */
const judged = (wanted: Measure['name'], extreme: Measure['best']): Column[] =>
  (['last', 'best'] as const).map(which => {
    const value = ({ [which]: score }: RunSummary): number | null => {
      const found = score && judgedBy(score)
      return found?.name === wanted ? found.value : null
    }
    const title = `${which === 'last' ? which : extreme} ${wanted}`
    return { title, value, text: run => error(value(run)), rare: wanted !== 'error' }
  })

const allColumns: readonly Column[] = [
  { title: 'run', value: ({ id }) => id, words: true },
  { title: 'state', value: ({ state }) => state, text: ({ state }) => `${STATE_MARKS[state]} ${state}`, words: true },
  {
    title: 'epochs',
    value: ({ epochsDone }) => epochsDone,
    text: ({ epochsDone, epochs }) => (epochs > 0 ? `${grouped(epochsDone)}/${grouped(epochs)}` : '–'),
  },
  ...judged('error', 'lowest'),
  ...judged('mean AP', 'highest'),
  ...judged('mean IoU', 'highest'),
  { title: 'at epoch', value: ({ best }) => best?.epoch ?? null, text: ({ best }) => `${best?.epoch ?? '–'}` },
  {
    title: 'left',
    value: ({ secondsLeft }) => secondsLeft,
    text: ({ secondsLeft }) => (secondsLeft === null ? '–' : duration(secondsLeft)),
  },
  { title: 'age', value: ({ updated }) => -updated, text: ({ updated }) => age(clock.value - updated) },
  { title: 'network', value: ({ model }) => model, words: true },
  { title: 'data set', value: ({ dataset }) => dataset, words: true },
  {
    title: 'parameters',
    value: ({ parameters }) => parameters,
    text: ({ parameters }) => (parameters === null ? '–' : short(parameters)),
  },
]

const order = signal({ column: 'age', down: false })

export function RunsPage() {
  const { column: by, down } = order.value
  const columns = allColumns.filter(({ rare, value }) => !rare || runList.value.some(run => value(run) !== null))
  const { value } = columns.find(({ title }) => title === by) ?? columns[0]!
  const sorted = [...runList.value].sort((a, b) => {
    const [x, y] = [value(a), value(b)]
    // What is not known comes last either way.
    if (x === null || y === null) return Number(x === null) - Number(y === null)
    const compared = typeof x === 'string' ? x.localeCompare(String(y), 'en', { numeric: true }) : x - Number(y)
    return down ? -compared : compared
  })
  return (
    <>
      <h1>Runs</h1>
      <p class="soft">
        Tick runs to lay their curves over each other and to <a href={addressOfCompare()}>compare</a> their settings.
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <section class="wide" tabIndex={0} aria-label="All runs">
        <table class="all-runs">
          <thead>
            <tr>
              <td />
              {columns.map(({ title, words }) => (
                <th
                  key={title}
                  class={words ? 'text' : ''}
                  aria-sort={title === by ? (down ? 'descending' : 'ascending') : undefined}
                >
                  <button
                    type="button"
                    class="sort"
                    onClick={() => {
                      order.value = { column: title, down: title === by && !down }
                    }}
                  >
                    {title}
                    <span aria-hidden="true">{title === by ? (down ? ' ▾' : ' ▴') : ''}</span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted.map(run => (
              <RunLine key={run.id} run={run} columns={columns} />
            ))}
          </tbody>
        </table>
      </section>
    </>
  )
}

const addressOfCompare = (): string => addressOf(shownRuns.value[0] ?? '', 'compare')

function RunLine({ run, columns }: { run: RunSummary; columns: readonly Column[] }) {
  const colour = colourName(run.id)
  return (
    <tr>
      <td>
        <input
          type="checkbox"
          class={`swatch ${colour ?? ''}`}
          checked={colour !== null}
          disabled={run.state === 'damaged' || (colour !== null && shownRuns.value.length === 1)}
          onChange={() => toggleShown(run.id)}
          aria-label={`Show ${run.id}`}
        />
      </td>
      {columns.map(({ title, value, text, words }) => {
        const shown = text ? text(run) : String(value(run) ?? '–')
        if (title === 'run') {
          return (
            <th key={title} scope="row">
              <a href={addressOf(run.id, 'curves')}>{run.id === '.' ? 'this folder' : run.id}</a>
              {run.problem && <span class="problem">{run.problem}</span>}
            </th>
          )
        }
        return (
          <td key={title} class={`${words ? 'text' : ''} ${title === 'state' ? `state ${run.state}` : ''}`}>
            {shown}
          </td>
        )
      })}
    </tr>
  )
}
