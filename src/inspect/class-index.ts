// Which class a person means: its number, its name, or the beginning of its name.
import { parameterError, usageError } from '../errors.js'

/** `names` in label order; empty: not known, then only numbers 0 .. count - 1 are. */
export function classIndex(wanted: number | string, names: readonly string[], count: number): number {
  const text = String(wanted).trim()
  const exact = names.indexOf(text)
  if (exact >= 0 && typeof wanted === 'string') return exact
  if (/^\d+$/.test(text) && Number(text) < count) return Number(text)
  if (typeof wanted === 'number' || /^-?[\d.]+$/.test(text) || names.length === 0) {
    const known = names.length > 0 ? `, or a name such as ${JSON.stringify(names[0])}` : ''
    throw parameterError('class', `a number from 0 to ${count - 1}${known}`, wanted)
  }
  const small = text.toLowerCase()
  const same = matches(names, name => name === small)
  if (same.length === 1) return same[0]!
  const found = small === '' ? [] : matches(names, name => name.startsWith(small) || name.includes(`, ${small}`))
  if (found.length === 1) return found[0]!
  const shown = (found.length > 0 ? found.map(i => names[i]!) : names).slice(0, 8).map(name => JSON.stringify(name))
  const more = (found.length > 0 ? found : names).length > 8 ? ', ...' : ''
  throw usageError(
    found.length > 0
      ? `several classes begin with ${JSON.stringify(wanted)}`
      : `there is no class ${JSON.stringify(wanted)}`,
    `${found.length > 0 ? 'these' : 'classes'} are ${shown.join(', ')}${more}`,
  )
}

function matches(names: readonly string[], fits: (name: string) => boolean): number[] {
  return [...names.keys()].filter(i => fits(names[i]!.toLowerCase()))
}
