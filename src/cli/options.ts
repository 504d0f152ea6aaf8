// Reading the values of options. Wrong ones are refused with the option's own name.
import { Option } from 'commander'
import { backendNames } from '../entries/engine.js'
import { type AugmentationName, augmentationNames } from '../entries/images.js'
import { parameterError } from '../errors.js'

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

/** "6,12,24,16" */
export function blocksOption(): Option {
  return new Option('--blocks <n,n,...>', 'dense layers of each block, instead of a depth').argParser(text => {
    const blocks = text.split(',').map(part => (part.trim() === '' ? Number.NaN : Number(part)))
    if (!blocks.every(n => Number.isInteger(n) && n >= 1)) {
      throw parameterError('--blocks', 'whole numbers with commas between them, such as 6,12,24,16', text)
    }
    return blocks
  })
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
  readonly backend?: 'auto' | 'native' | 'reference'
  readonly threads?: number
  readonly loaderThreads?: number
}

export const computeOptions = (): Option[] => [
  choiceOption('--backend <name>', 'where to compute; default: auto', ['auto', ...backendNames]),
  wholeOption('--threads <n>', 'threads of the engine; default: one per core'),
]

export const loaderOption = (): Option =>
  wholeOption('--loader-threads <n>', 'threads that prepare images; default: 1', 0)

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
