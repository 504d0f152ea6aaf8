// densenet models: the networks that can be used by name; fetches one ahead of time, or takes it off this machine again.
import { stat } from 'node:fs/promises'
import { Command, Option } from 'commander'
import {
  cachedBytes,
  fetchModel,
  modelPath,
  NAMED_MODELS,
  type NamedModel,
  namedModel,
  removeModel,
  SHIPPED,
  shippedErrors,
} from '../../entries/networks.js'
import { parameterError, usageError } from '../../errors.js'
import { createContext } from '../context.js'
import { type FetchFlags, fetching, fetchOptions } from '../fetching.js'
import { bytes, percent, table } from '../format.js'
import { type OutputFlags, outputOptions } from '../options.js'
import { withSignals } from '../signals.js'

interface ModelsFlags extends OutputFlags, FetchFlags {
  readonly fetch?: string
  readonly remove?: string
}

export function modelsCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('models').description('list the networks that have a name; fetch one, or remove it')
  const options = [
    new Option('--fetch <name>', 'fetch it now and verify it'),
    new Option('--remove <name>', 'take it off this machine'),
    ...fetchOptions(),
    ...outputOptions(),
  ]
  for (const option of options) command.addOption(option)
  return command
    .addHelpText('after', '\nExamples:\n  densenet models\n  densenet models --fetch densenet121')
    .action(async (flags: ModelsFlags) => finish(await models(flags)))
}

async function models(flags: ModelsFlags): Promise<number> {
  const { fetch, remove } = flags
  if (fetch !== undefined && remove !== undefined) throw usageError('give either --fetch or --remove, not both')
  if (fetch !== undefined) return bring(known('--fetch', fetch), flags)
  if (remove !== undefined) return takeAway(known('--remove', remove), flags)
  return list(flags)
}

function known(flag: string, name: string): NamedModel {
  const found = namedModel(name)
  if (found) return found
  if (name === SHIPPED.name) throw usageError(`${name} comes with densenet: there is nothing to fetch or remove`)
  const names = NAMED_MODELS.filter(({ refused }) => refused === undefined).map(({ name }) => name)
  throw parameterError(flag, `one of ${names.join(', ')}`, name)
}

function bring(model: NamedModel, flags: ModelsFlags): Promise<number> {
  const context = createContext(flags)
  return withSignals(
    () => {},
    async ({ signal }) => {
      const cached = (await cachedBytes(model)) !== null
      const { fetch, end } = fetching(flags, context, signal)
      const path = await fetchModel(model, fetch).finally(end)
      if (flags.json) context.out.write(`${JSON.stringify({ model: model.name, path, cached })}\n`)
      context.say(`${model.name} is in ${path}${cached ? ' (was there already)' : ''}`)
      return 0
    },
  )
}

async function takeAway(model: NamedModel, flags: ModelsFlags): Promise<number> {
  const { out, say } = createContext(flags)
  const removed = await removeModel(model)
  if (flags.json) out.write(`${JSON.stringify({ model: model.name, removed })}\n`)
  say(removed ? `${model.name} is removed` : `${model.name} is not on this machine`)
  return 0
}

async function list(flags: ModelsFlags): Promise<number> {
  const { out } = createContext(flags)
  const { size } = await stat(SHIPPED.path)
  const shipped = { ...SHIPPED, ...(await shippedErrors()), size, cached: true, refused: null }
  const all = [shipped, ...(await Promise.all(NAMED_MODELS.map(factOf)))]
  if (flags.json) out.write(`${JSON.stringify(all)}\n`)
  else out.write(`${modelTable(all)}\n`)
  return 0
}

interface Fact {
  readonly name: string
  /** Of a network that is not here: as far as known. */
  readonly size: number | null
  readonly cached: boolean
  readonly path: string
  readonly licence: string
  readonly source: string
  readonly top1Error: number
  readonly top5Error: number
  readonly refused: string | null
}

async function factOf(model: NamedModel): Promise<Fact> {
  const { name, files, licence, source, top1Error, top5Error, refused = null } = model
  const here = await cachedBytes(model)
  const known = files.every(({ size }) => size !== null)
  const size = here ?? (known ? files.reduce((sum, { size }) => sum + size!, 0) : null)
  return { name, size, cached: here !== null, path: modelPath(model), licence, source, top1Error, top5Error, refused }
}

function modelTable(all: readonly Fact[]): string {
  const rows = all.map(({ name, size, cached, licence, source, top1Error, top5Error, refused }) => [
    name,
    percent(top1Error),
    percent(top5Error),
    size === null ? '' : bytes(size),
    refused === null ? (cached ? 'here' : '') : 'cannot be run',
    `${source}, ${licence}`,
  ])
  const head = ['name', 'top-1 error', 'top-5 error', 'size', '', 'from']
  return `${table([head, ...rows], [false, true, true, true, false, false])}

Errors as published, of one crop of ImageNet's validation images (cifar10: of CIFAR-10's test images).
A network that is not here is fetched when it is first used: densenet classify --model densenet121 photo.jpg`
}
