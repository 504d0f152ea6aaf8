// How a person likes to look at things, remembered by the browser.
import { effect, type Signal, signal } from '@preact/signals'

export function remembered(name: string, initial: string): Signal<string>
export function remembered(name: string, initial: number): Signal<number>
export function remembered(name: string, initial: boolean): Signal<boolean>
export function remembered<T extends string | number | boolean>(name: string, initial: T): Signal<T> {
  const key = `densenet.${name}`
  const value = signal<T>(initial)
  try {
    const stored = JSON.parse(localStorage.getItem(key) ?? 'null') as unknown
    if (typeof stored === typeof initial) value.value = stored as T
  } catch {
    // Somebody else's value, or no storage: the initial one will do.
  }
  effect(() => {
    const text = JSON.stringify(value.value)
    try {
      localStorage.setItem(key, text)
    } catch {
      // Without storage it lasts as long as the page.
    }
  })
  return value
}
