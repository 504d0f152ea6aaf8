// The runs at the side: what they are, how far, how good; which of them the curves show.
import { computed, signal } from '@preact/signals'
import { badness, judgedBy } from '../src/training/judged.js'
import type { RunSummary } from './api.js'
import { age, standing } from './format.js'
import { clock, runList } from './live.js'
import { colourName } from './palette.js'
import { addressOf, currentRun, shownRuns, toggleShown } from './route.js'
import { remembered } from './settings.js'

type Order = 'newest' | 'best' | 'name'
const ORDERS: Readonly<Record<Order, (a: RunSummary, b: RunSummary) => number>> = {
  newest: (a, b) => Number(b.state === 'running') - Number(a.state === 'running') || b.updated - a.updated,
  best: (a, b) => rank(a) - rank(b),
  name: (a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }),
}
/** Those without a score come last. */
const rank = ({ last }: RunSummary): number => (last ? badness(last) : 101)

const order = remembered('order', 'newest')
const wanted = signal('')

const sorted = computed(() => {
  const words = wanted.value.toLowerCase().split(/\s+/)
  const text = (run: RunSummary): string => `${run.id} ${run.model} ${run.dataset} ${run.state}`.toLowerCase()
  const found = runList.value.filter(run => words.every(word => text(run).includes(word)))
  return found.sort(ORDERS[order.value as Order] ?? ORDERS.newest)
})

export const STATE_MARKS: Readonly<Record<RunSummary['state'], string>> = {
  running: '●',
  stopped: '■',
  finished: '✓',
  crashed: '✕',
  damaged: '?',
}

export function RunRail() {
  return (
    <div class="rail">
      <div class="rail-tools">
        <input
          type="search"
          placeholder="Find"
          aria-label="Find runs by name, model, data set or state"
          value={wanted.value}
          onInput={event => {
            wanted.value = event.currentTarget.value
          }}
        />
        <select
          aria-label="Order of the runs"
          value={order.value}
          onChange={event => {
            order.value = event.currentTarget.value
          }}
        >
          <option value="newest">newest first</option>
          <option value="best">best first</option>
          <option value="name">by name</option>
        </select>
      </div>
      <ul class="runs">
        {sorted.value.map(run => (
          <RunRow key={run.id} run={run} />
        ))}
      </ul>
      {sorted.value.length === 0 && <p class="soft pad">None found.</p>}
    </div>
  )
}

/** Whatever is no error has its name beside it. */
function Standing({ score }: { score: NonNullable<RunSummary['last']> }) {
  const { name } = judgedBy(score)
  return (
    <>
      {name !== 'error' && <span class="soft">{name}</span>} {standing(score)}
    </>
  )
}

function RunRow({ run }: { run: RunSummary }) {
  const { id, state, epochs, epochsDone, last, updated } = run
  const colour = colourName(id)
  const now = run.now && run.now.epoch > epochsDone && run.batchesPerEpoch > 0 ? run.now.batch / run.batchesPerEpoch : 0
  const done = epochs > 0 ? Math.min(1, (epochsDone + now) / epochs) : 0
  return (
    <li class={id === currentRun.value ? 'current' : ''}>
      <input
        type="checkbox"
        class={`swatch ${colour ?? ''}`}
        checked={colour !== null}
        disabled={state === 'damaged' || (colour !== null && shownRuns.value.length === 1)}
        onChange={() => toggleShown(id)}
        aria-label={`Curves of ${id}`}
      />
      <a href={addressOf(id)} aria-current={id === currentRun.value ? 'true' : undefined}>
        <span class="name">{id === '.' ? 'this folder' : id}</span>
        <span class="number">{last ? <Standing score={last} /> : '–'}</span>
        <span class={`state ${state}`}>
          <span aria-hidden="true">{STATE_MARKS[state]}</span> {state}
        </span>
        <span class="soft number">
          {epochs > 0 && `${epochsDone}/${epochs}`} <span class="age">{age(clock.value - updated)}</span>
        </span>
        <span class="done" aria-hidden="true" style={{ '--done': done }} />
      </a>
    </li>
  )
}
