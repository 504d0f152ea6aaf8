// Reading the values of options. Wrong ones are refused with the option's own name.
import { Option } from 'commander'
import * as z from 'zod'
import { type BackendChoice, backendNames, type Precision } from '../entries/engine.js'
import { type AugmentationName, augmentationNames } from '../entries/images.js'
import { parameterError } from '../errors.js'
import { expected, innermost, type Setting, type Settings } from '../util/settings.js'

type Parse<T> = (text: string) => T

function number(flag: string, expected: string, fits: (value: number) => boolean): Parse<number> {
  return text => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (!Number.isFinite(value) || !fits(value)) throw parameterError(flag, expected, asWritten(text))
    return value
  }
}

/** A number without quotes, anything else as text. */
const asWritten = (text: string): unknown => (text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text)

const flagOf = (flags: string): string => flags.split(' ')[0]!

export function wholeOption(flags: string, text: string, least = 1, most = Number.MAX_SAFE_INTEGER): Option {
  const fits = (value: number): boolean => Number.isSafeInteger(value) && value >= least && value <= most
  const range = most < Number.MAX_SAFE_INTEGER ? `from ${least} to ${most}` : `of at least ${least}`
  return new Option(flags, text).argParser(number(flagOf(flags), `a whole number ${range}`, fits))
}

export function numberOption(flags: string, text: string, expected: string, fits: (value: number) => boolean): Option {
  return new Option(flags, text).argParser(number(flagOf(flags), expected, fits))
}

export function choiceOption(flags: string, text: string, choices: readonly string[]): Option {
  return new Option(flags, `${text} (${choices.join(', ')})`).argParser(value => {
    if (!choices.includes(value)) throw parameterError(flagOf(flags), `one of ${choices.join(', ')}`, value)
    return value
  })
}

/** The option of a setting, read and refused as its row says. */
export function settingOption({ schema, option, help, usual, list, choices, ...row }: Setting): Option {
  const inner = innermost(schema)
  const isShown = typeof row.default === 'number' || typeof row.default === 'string'
  const otherwise = usual ?? (isShown ? row.default : null)
  const text = [help, otherwise === null ? '' : `default: ${otherwise}`].filter(Boolean).join('; ')
  const fits = (value: unknown): boolean => schema.safeParse(value).success
  if (list !== undefined) return new Option(option, text).argParser(listOf(flagOf(option), list, fits))
  if (inner instanceof z.ZodNumber) return numberOption(option, text, expected({ schema }), fits)
  const names = choices ?? (inner instanceof z.ZodEnum ? inner.options.map(String) : null)
  return names ? choiceOption(option, text, names) : new Option(option, text)
}

/** Of each setting that has one, by its name. */
export const settingOptions = (settings: Settings): ReadonlyMap<string, Option> =>
  new Map(Object.entries(settings).flatMap(([name, row]) => (row.option === '' ? [] : [[name, settingOption(row)]])))

/** The values of settings that were given. */
export function givenSettings(options: ReadonlyMap<string, Option>, flags: object): Record<string, unknown> {
  const values = [...options].map(([name, option]) => [name, flags[option.attributeName() as keyof typeof flags]])
  return Object.fromEntries(values.filter(([, value]) => value !== undefined))
}

/** "6,12,24,16", names with commas between them, or one word for all of it. */
const listOf = (flag: string, written: string, fits: (value: unknown) => boolean) => (text: string) => {
  const parts = text.split(',').map(part => part.trim())
  const numbers = parts.map(part => (part === '' ? Number.NaN : Number(part)))
  const value = [text, numbers, parts].find(fits)
  if (value === undefined) throw parameterError(flag, written, text)
  return value
}

/** Names, or false for none. */
export type AugmentFlag = readonly AugmentationName[] | false

export const augmentOptions = (): Option[] => [
  new Option(
    '--augment <name,...>',
    `how training images are changed (${augmentationNames.join(', ')}); default: standard`,
  ).argParser(text => {
    const names = text.split(',').map(name => augmentationNames.find(known => known === name.trim()))
    if (names.some(name => name === undefined)) {
      throw parameterError('--augment', `${augmentationNames.join(', ')}, or several with commas between them`, text)
    }
    return names
  }),
  new Option('--no-augment', 'only normalise'),
]

export interface ComputeFlags {
  readonly backend?: BackendChoice
  readonly threads?: number
  readonly adapter?: number
  readonly precision?: Precision
  readonly loaderThreads?: number
}

/** As the original calls them. */
const PRECISIONS = { single: 'float32', half: 'bfloat16', double: 'float64' } as const satisfies Record<
  string,
  Precision
>

export const precisionOption = (usual = 'single'): Option =>
  new Option(
    '--precision <name>',
    `single, half (activations in bfloat16: half their memory) or double; default: ${usual}`,
  ).argParser(text => {
    if (Object.hasOwn(PRECISIONS, text)) return PRECISIONS[text as keyof typeof PRECISIONS]
    throw parameterError('--precision', `one of ${Object.keys(PRECISIONS).join(', ')}`, text)
  })

/** `precision`: what is said to be usual. */
export const computeOptions = (precision?: string): Option[] => [
  choiceOption('--backend <name>', 'where to compute; default: auto', ['auto', ...backendNames, 'gpu']),
  wholeOption('--threads <n>', 'threads of the engine; default: one per core'),
  wholeOption('--adapter <n>', 'which GPU of densenet devices; default: the first', 0),
  precisionOption(precision),
]

export const loaderOption = (): Option =>
  wholeOption('--loader-threads <n>', 'threads that prepare images; default: 1', 0)

export const ranksOption = (): Option =>
  wholeOption(
    '--ranks <n>',
    'so many processes that share the work, by mpirun; default: one, or those mpirun has started',
  )

export interface OutputFlags {
  readonly json?: boolean
  readonly quiet?: boolean
  readonly debug?: boolean
}

export const outputOptions = (): Option[] => [
  new Option('--json', 'print JSON lines'),
  new Option('--quiet', 'print errors only'),
  new Option('--debug', 'show where an error came from'),
]
