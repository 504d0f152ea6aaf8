// config.json of a run's folder: what was asked for, for people. The last checkpoint carries the same settings, so that a
// damaged config.json loses nothing.
import { randomUUID } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { DenseNetError, usageError } from '../errors.js'
import type { DenseNetConfig } from '../model/config.js'
import { errorCode, fileError, writeFileAtomically } from '../node/files.js'
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
  /** As asked for; null: one per core. */
  threads: z.int().nullable(),
  /** What it computes on, for a warning: other instructions may round differently. */
  computer: z.string(),
  keepBest: RUN.keepBest.schema.default(RUN.keepBest.default),
  layerStatistics: RUN.layerStatistics.schema.default(RUN.layerStatistics.default),
})

/** What was asked for, for `--resume`. Numbers to go on with are in the checkpoint. */
export type RunSettings = Readonly<z.infer<typeof settingsSchema>>

export const newRunId = (): string => randomUUID()

export async function writeSettings(
  path: string,
  settings: RunSettings,
  recipe: Recipe,
  config: DenseNetConfig,
): Promise<void> {
  await writeFileAtomically(
    join(path, CONFIG_FILE),
    `${JSON.stringify({ format: FORMAT, ...settings, recipe, config }, null, 2)}\n`,
  )
}

/** A run of another version of this program: not damaged, but not to be understood. */
export class OtherFormat extends DenseNetError {}

/** Of the run in `path`; a sentence when there is none. Folders from before there was a format are of the first. */
export async function readSettings(path: string): Promise<RunSettings> {
  const file = join(path, CONFIG_FILE)
  const found = await stat(path).catch(() => null)
  if (found === null) throw usageError(`there is no folder ${path}`)
  let json: unknown
  try {
    json = JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT' || errorCode(cause) === 'ENOTDIR') {
      throw usageError(`${path} holds no run: it has no ${CONFIG_FILE}`)
    }
    const error = fileError(cause, `reading ${file}`)
    if (error instanceof DenseNetError) throw error
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

/** A usage error when `path` cannot become a new run. What was stopped before its first checkpoint may begin anew. */
export async function refuseRun(path: string): Promise<void> {
  const found = await stat(path).catch(() => null)
  if (!found) return
  if (!found.isDirectory()) throw usageError(`${path} is a file, not a folder`)
  const names = await readdir(path).catch(error => {
    throw fileError(error, `reading ${path}`)
  })
  if (names.some(name => name.endsWith('.safetensors'))) {
    const hint = `go on with it: densenet train --resume ${path}; or choose another folder`
    throw usageError(`${path} already holds a run`, hint)
  }
  if (!names.includes(CONFIG_FILE)) return
  await readSettings(path).catch(() => {
    throw usageError(`${path} holds a ${CONFIG_FILE} that is no run's`, 'choose another folder')
  })
}
