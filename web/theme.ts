// Light or dark: as the system is, unless one was chosen.
import { computed, effect, type Signal, signal } from '@preact/signals'
import { remembered } from './settings.js'

export type ThemeChoice = 'system' | 'light' | 'dark'
const NEXT: Readonly<Record<ThemeChoice, ThemeChoice>> = { system: 'light', light: 'dark', dark: 'system' }

export const themeChoice = remembered('theme', 'system') as Signal<ThemeChoice>
const query = matchMedia('(prefers-color-scheme: dark)')
const systemDark = signal(query.matches)
query.addEventListener('change', () => {
  systemDark.value = query.matches
})

export const theme = computed<'light' | 'dark'>(() =>
  themeChoice.value === 'system' ? (systemDark.value ? 'dark' : 'light') : themeChoice.value,
)
effect(() => {
  document.documentElement.dataset.theme = theme.value
})

export const nextTheme = (): void => {
  themeChoice.value = NEXT[themeChoice.value] ?? 'system'
}

/** A colour of the present theme, for canvases. */
export const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
