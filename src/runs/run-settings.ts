// config.json of a run's folder, written and read.
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { usageError } from '../errors.js'
import { CONFIG_FILE, decodeSettings, encodeSettings, type RunSettings } from '../fitting/settings.js'
import type { DenseNetConfig } from '../model/config.js'
import { errorCode, fileError, writeFileAtomically } from '../node/files.js'
import type { Recipe } from '../training/recipe.js'

export const writeSettings = (
  path: string,
  settings: RunSettings,
  recipe: Recipe,
  config: DenseNetConfig,
): Promise<void> => writeFileAtomically(join(path, CONFIG_FILE), encodeSettings(settings, recipe, config))

/** Of the run in `path`; a sentence when there is none. */
export async function readSettings(path: string): Promise<RunSettings> {
  const file = join(path, CONFIG_FILE)
  const found = await stat(path).catch(() => null)
  if (found === null) throw usageError(`there is no folder ${path}`)
  const text = await readFile(file, 'utf8').catch(cause => {
    if (errorCode(cause) === 'ENOENT' || errorCode(cause) === 'ENOTDIR') {
      throw usageError(`${path} holds no run: it has no ${CONFIG_FILE}`)
    }
    throw fileError(cause, `reading ${file}`)
  })
  return decodeSettings(text, path, file)
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
