// What a run was asked for, as config.json keeps it, for people. The last checkpoint carries the same settings, so that a
// damaged config.json loses nothing.
import * as z from 'zod'
import { PRECISIONS } from '../engine/program.js'
import { DenseNetError } from '../errors.js'
import type { DenseNetConfig } from '../model/config.js'
import type { Recipe } from '../training/recipe.js'
import { count, oneOf, type Settings, yesOrNo } from '../util/settings.js'
import { memoryChoices } from './memory.js'

export const CONFIG_FILE = 'config.json'

/** Of config.json. A setting that comes later has a default, and leaves this as it is. */
const FORMAT = 1

/** What may be asked of a run besides its recipe. */
export const RUN = {
  /** Whether bottleneck outputs are kept. */
  memory: {
    schema: oneOf(memoryChoices),
    default: 'auto',
    option: '--memory <mode>',
    help: 'keep bottleneck outputs or make them again',
    usual: 'auto, by what is free',
  },
  /** How many of the best epochs' checkpoints are kept. */
  keepBest: {
    schema: count,
    default: 1,
    option: '--keep-best <n>',
    help: 'checkpoints of the best epochs to keep',
  },
  /** Whether the log has statistics of weights and gradients of each epoch. */
  layerStatistics: {
    schema: yesOrNo,
    default: false,
    option: '--layer-statistics',
    help: "log statistics of every tensor's weights and gradients after each epoch",
  },
} as const satisfies Settings

export const settingsSchema = z.object({
  /** Tells this run's checkpoints from those of another; empty in folders from before there was one. */
  id: z.string().default(''),
  /** A preset's name, or a description. */
  model: z.string(),
  dataset: z.string(),
  /** Where its data are, when not in the cache folder. */
  dataFolder: z.string().nullable(),
  memory: RUN.memory.schema,
  backend: z.string(),
  /** What activations are kept as: a run goes on with it, if nothing else is asked for. */
  precision: z.enum(PRECISIONS).default('float32'),
  /** As asked for; null: one per core. */
  threads: z.int().nullable(),
  /** What it computes on, for a warning: other instructions may round differently. */
  computer: z.string(),
  keepBest: RUN.keepBest.schema.default(RUN.keepBest.default),
  layerStatistics: RUN.layerStatistics.schema.default(RUN.layerStatistics.default),
})

/** What was asked for, for `--resume`. Numbers to go on with are in the checkpoint. */
export type RunSettings = Readonly<z.infer<typeof settingsSchema>>

export const newRunId = (): string => crypto.randomUUID()

/** The text of config.json. */
export const encodeSettings = (settings: RunSettings, recipe: Recipe, config: DenseNetConfig): string =>
  `${JSON.stringify({ format: FORMAT, ...settings, recipe, config }, null, 2)}\n`

/** A run of another version of this program: not damaged, but not to be understood. */
export class OtherFormat extends DenseNetError {}

/** Of the run in `path`, whose config.json is `file`. Folders from before there was a format are of the first. */
export function decodeSettings(text: string, path: string, file: string): RunSettings {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new DenseNetError(`${file} is damaged: it is not JSON`, { cause })
  }
  const format = (json as { format?: unknown } | null)?.format ?? FORMAT
  if (Number.isInteger(format) && format !== FORMAT) {
    throw new OtherFormat(`the run in ${path} has format ${format}; this version of densenet reads ${FORMAT}`, {
      code: 'usage',
      hint: 'go on with the version that made it',
    })
  }
  const parsed = settingsSchema.safeParse(json)
  if (parsed.success) return parsed.data
  throw new DenseNetError(`${file} is damaged: it lacks ${parsed.error.issues[0]!.path.join('.') || 'everything'}`)
}
