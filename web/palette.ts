// A colour for each run that is shown, which it keeps while it is.
import { computed } from '@preact/signals'
import { shownRuns } from './route.js'

/** Colours --run-1 to --run-8 of the style sheet. */
const COLOURS = 8
let slots: ReadonlyMap<string, number> = new Map()

const assigned = computed(() => {
  const kept = new Map([...slots].filter(([id]) => shownRuns.value.includes(id)))
  for (const id of shownRuns.value) {
    if (kept.has(id)) continue
    const taken = new Set(kept.values())
    let slot = 0
    while (taken.has(slot)) slot++
    kept.set(id, slot)
  }
  slots = kept
  return kept
})

/** "run-1"; null for a run that is not shown. */
export function colourName(id: string): string | null {
  const slot = assigned.value.get(id)
  return slot === undefined ? null : `run-${(slot % COLOURS) + 1}`
}
