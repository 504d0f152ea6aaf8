// Where one is, kept in the address: the page, the run that pages of one run are about, and the runs that are shown over
// each other: #/curves?run=a&show=a&show=b
import { computed, signal } from '@preact/signals'
import { runList } from './live.js'

interface Place {
  readonly page: string
  readonly run: string | null
  readonly shown: readonly string[]
}

const read = (): Place => {
  const [path, search] = location.hash.replace(/^#\/?/, '').split('?')
  const query = new URLSearchParams(search)
  return { page: path ?? '', run: query.get('run'), shown: query.getAll('show') }
}

const place = signal<Place>(read())
addEventListener('hashchange', () => {
  place.value = read()
})

export const page = computed(() => place.value.page || 'curves')

/** Chosen when the address does not say; kept, lest two runs that train take turns. */
let fallback: string | null = null

/** The run in the address, else the one that was last written to. */
export const currentRun = computed(() => {
  const { run } = place.value
  if (run !== null) return run
  if (!runList.value.some(({ id }) => id === fallback)) {
    const newest = [...runList.value].sort((a, b) => b.updated - a.updated).find(({ state }) => state !== 'damaged')
    fallback = newest?.id ?? null
  }
  return fallback
})

/** Runs whose curves are drawn, in the order they were chosen. */
export const shownRuns = computed<readonly string[]>(() => {
  const { shown } = place.value
  if (shown.length > 0) return shown
  return currentRun.value === null ? [] : [currentRun.value]
})

export function address(to: Partial<Place>): string {
  const { page: at, run, shown } = { ...place.value, ...to }
  const query = new URLSearchParams([
    ...(run === null ? [] : [['run', run] as [string, string]]),
    ...shown.map(id => ['show', id] as [string, string]),
  ])
  return `#/${at}${query.size > 0 ? `?${query}` : ''}`
}

function go(to: Partial<Place>): void {
  const target = address(to)
  if (target !== location.hash) history.pushState(null, '', target)
  place.value = read()
}

/** Lays a run's curves over the others, or takes them away. */
export function toggleShown(id: string): void {
  const shown = shownRuns.value
  const rest = shown.filter(other => other !== id)
  if (rest.length < shown.length && rest.length === 0) return
  go({ shown: rest.length < shown.length ? rest : [...shown, id] })
}

/** The address at which a run is the current one, and shown. */
export const addressOf = (id: string, at: string = page.value): string =>
  address({ page: at, run: id, shown: shownRuns.value.includes(id) ? shownRuns.value : [id] })
