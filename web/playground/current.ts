// Where pictures go when nothing else is said: the class where one was last; on the page that tries the network, there.
import { computed, signal } from '@preact/signals'
import { classes } from './project.js'

export const touchedClass = signal<string | null>(null)

export const currentClass = computed(() => {
  const touched = touchedClass.value
  return touched !== null && classes.value.includes(touched) ? touched : (classes.value.at(-1) ?? null)
})

/** The picture that the network is tried with. */
export const tried = signal<Blob | null>(null)
