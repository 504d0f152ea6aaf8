// Numbers as the pages show them; those of the command line where they are the same.
import { judgedBy } from '../src/training/judged.js'
import type { Metrics } from '../src/training/metrics.js'

export { bytes, duration, grouped, rounded, short } from '../src/cli/format.js'

/** "12 s", "5 min", "3 h", "2 d" ago */
export function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  if (seconds < 90) return `${seconds} s`
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`
}

export const error = (value: number | null | undefined): string => (value == null ? '–' : `${value.toFixed(2)} %`)
/** What a network is judged by. */
export const standing = (score: Metrics): string => error(judgedBy(score).value)

export const share = (value: number | null, digits = 1): string =>
  value === null ? '–' : `${(100 * value).toFixed(digits)}\u00a0%`

/** Four digits: 0.1234, 12.34, 1234 */
export const figure = (value: number | null | undefined): string =>
  value == null ? '–' : value === 0 ? '0' : Math.abs(value) < 1e-3 ? value.toExponential(2) : value.toPrecision(4)

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
