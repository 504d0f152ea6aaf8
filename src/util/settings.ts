// A setting is one row of a table: what it may be, what it is when nothing is said, and how the command line has it. The
// type of the values, their checks, the options and their help follow from the rows.
import * as z from 'zod'
import { parameterError } from '../errors.js'

export interface Setting<T = unknown> {
  /** Described by what it may be, as errors say it. */
  readonly schema: z.ZodType<T>
  readonly default?: unknown
  /** Its option and what stands for the value, such as `--lr <rate>`; empty: the command line does not have it. */
  readonly option: string
  /** For the option's help, in which the default follows. */
  readonly help: string
  /** The default in words, where its value does not say it. */
  readonly usual?: string
  /** Of several values with commas between them: what is to be written, as the option's error says it. */
  readonly list?: string
  /** What the option offers, where the schema takes more. */
  readonly choices?: readonly string[]
}

export type Settings = Readonly<Record<string, Setting>>
export type ValuesOf<S extends Settings> = { readonly [K in keyof S]: z.output<S[K]['schema']> }

/** The schema under what may be null. */
export const innermost = (schema: z.core.$ZodType): z.core.$ZodType =>
  schema instanceof z.ZodNullable ? innermost(schema.unwrap()) : schema

/** What it may be, such as "a whole number of at least 1". */
export const expected = ({ schema }: Pick<Setting, 'schema'>): string =>
  z.globalRegistry.get(innermost(schema))?.description ?? ''

/** The values, each as its row has it; the first that does not fit is a usage error, in which it is called as `spelled` says. */
export function checkSettings<S extends Settings>(
  settings: S,
  values: Readonly<Record<string, unknown>>,
  spelled = (name: string): string => name,
): ValuesOf<S> {
  const checked = Object.entries(settings).map(([name, setting]) => {
    const parsed = setting.schema.safeParse(values[name])
    if (!parsed.success) throw parameterError(spelled(name), expected(setting), values[name])
    return [name, parsed.data]
  })
  return Object.fromEntries(checked)
}

export const oneOf = <const T extends readonly string[]>(names: T) =>
  z.enum(names).describe(`one of ${names.join(', ')}`)
/** Counts: of a training, of images, of bytes. */
export const count = z.int().min(1).describe('a whole number of at least 1')
export const atLeast0 = z.number().min(0).describe('a number of at least 0')
export const above0 = z.number().gt(0).describe('a number above 0')
export const upTo = (most: number) => z.number().gt(0).max(most).describe(`a number above 0 and up to ${most}`)
/** A share, all of it included. */
export const share = z.number().min(0).max(1).describe('a number from 0 to 1')
export const below1 = z.number().min(0).lt(1).describe('a number from 0 up to, but not including, 1')
export const wholeAtLeast0 = z.int().min(0).describe('a whole number of at least 0')
export const yesOrNo = z.boolean().describe('true or false')
