// Where the weights are in a PyTorch file: it may be a state dict itself, or a checkpoint of a training script with one
// inside, beside optimizer, epoch and arguments.
import { DenseNetError } from '../errors.js'
import type { PickleDict, PickleValue } from './pickle.js'
import { isDict, TorchTensor } from './torch-globals.js'
import { isAverage, type WeightChoice, type WeightFile } from './weight-file.js'

/** Names that training scripts give it, the likelier first. */
const USUAL = ['state_dict', 'model_state_dict', 'model', 'net', 'state', 'network', 'weights', 'params']
const DEEPEST = 4
const LISTED = 'shadow_params'

export interface FoundStateDict {
  readonly entries: ReadonlyMap<string, TorchTensor>
  readonly within: string
  readonly choice?: WeightFile['choice']
}

/** `weights`: which, where it holds averages of them, too; default: the averages, as timm does. */
export function findStateDict(value: PickleValue, file: string, weights: WeightChoice = 'average'): FoundStateDict {
  let here = value
  let choice: WeightFile['choice']
  const path: string[] = []
  for (let depth = 0; depth < DEEPEST && isDict(here); depth++) {
    const members: PickleDict = here
    const tensors = [...members.values()].filter(item => item instanceof TorchTensor)
    // A checkpoint may keep a tensor or two beside its state dict, such as the best accuracy.
    const places = tensors.length < members.size || tensors.length === 0 ? placesIn(members) : null
    const { average = null, raw = null } = places ?? {}
    const next = (weights === 'raw' ? raw : average) ?? average ?? raw
    if (next === null) {
      const within = path.join('.')
      if (tensors.length > 0) return withListed({ entries: named(members, file), within, choice }, value, file, weights)
      throw noWeights(members, file)
    }
    if (average !== null) {
      const others = next === average ? raw : average
      const at = (name: string): string => [...path, name].join('.')
      choice = { weights: next === average ? 'average' : 'raw', others: others === null ? null : at(others) }
    }
    path.push(next)
    here = members.get(next)!
  }
  throw new DenseNetError(`${file} holds no weights: ${sort(value)} instead of tensors by name`, {
    hint: "in Python: torch.save(model.state_dict(), 'weights.pth')",
  })
}

/** torch_ema keeps its averages as a list without names, in the order of the parameters: `shadow_params` of one of the
 * checkpoint's members, or of the checkpoint. */
function withListed(found: FoundStateDict, file: PickleValue, path: string, weights: WeightChoice): FoundStateDict {
  if (found.choice !== undefined || !isDict(file)) return found
  const member = [['', file] as const, ...file].find(([, item]) => isDict(item) && Array.isArray(item.get(LISTED)))
  if (member === undefined) return found
  const place = [member[0], LISTED].filter(Boolean).join('.')
  const within = found.within || 'no name'
  if (weights === 'raw') return { ...found, choice: { weights, others: place } }
  const averages = (member[1] as PickleDict).get(LISTED) as PickleValue[]
  const parameters = [...found.entries].filter(
    ([name]) => !/(^|\.)(running_mean|running_var|num_batches_tracked)$/.test(name),
  )
  const fits = parameters.every(([, { shape }], i) => {
    const average = averages[i]
    return average instanceof TorchTensor && average.shape.join() === shape.join()
  })
  if (!fits || averages.length !== parameters.length) {
    throw new DenseNetError(
      `${path} holds averaged weights without names under ${place}: ${averages.length} that are not the ${parameters.length} parameters under ${within} in their order and shapes`,
      { hint: '--weights raw takes those that were not averaged' },
    )
  }
  const entries = new Map(found.entries)
  for (const [i, [name]] of parameters.entries()) entries.set(name, averages[i] as TorchTensor)
  return { ...found, entries, within: place, choice: { weights: 'average', others: within } }
}

const sort = (value: PickleValue): string => {
  if (isDict(value)) return 'a dictionary without them'
  if (value instanceof TorchTensor) return 'one tensor'
  return Array.isArray(value) ? 'a list' : `a ${value === null ? 'None' : typeof value}`
}

/** The members to look into, if there are any. Lightning's WeightAveraging puts the averages where the weights were. */
function placesIn(dict: PickleDict): { average: string | null; raw: string | null } {
  const own = dict.get('current_model_state')
  if (dict.has('averaging_state') && isDict(own) && hasTensor(own)) {
    return { average: 'state_dict', raw: 'current_model_state' }
  }
  const [averages, others] = [new Map(), new Map()] as [PickleDict, PickleDict]
  for (const [key, item] of dict) {
    if (typeof key === 'string' && isAverage(key)) averages.set(key, item)
    else others.set(key, item)
  }
  return { average: inner(averages), raw: inner(others) }
}

/** The likeliest of the members of a dictionary. */
function inner(dict: PickleDict): string | null {
  const members = [...dict].filter(([key, item]) => typeof key === 'string' && isDict(item) && item.size > 0)
  const names = (found: typeof members): string[] => found.map(([key]) => key as string)
  const holding = names(members.filter(([, item]) => hasTensor(item as PickleDict)))
  const usual = (among: readonly string[]): string | undefined => USUAL.find(name => among.includes(name))
  const averages = ['state_dict_ema', 'model_ema'].find(name => holding.includes(name))
  return averages ?? usual(holding) ?? (holding.length === 1 ? holding[0]! : (usual(names(members)) ?? null))
}

function hasTensor(dict: PickleDict): boolean {
  for (const item of dict.values()) if (item instanceof TorchTensor) return true
  return false
}

function noWeights(dict: PickleDict, file: string): DenseNetError {
  const names = [...dict.keys()].slice(0, 12).map(String)
  return new DenseNetError(
    `${file} holds ${names.length === 0 ? 'an empty dictionary' : names.join(', ')}, and none of it is known to be weights`,
    { hint: `they are looked for under ${USUAL.join(', ')}` },
  )
}

/** Its tensors by name. Numbers and the like beside them cannot be weights; anything else would be dropped in silence. */
function named(dict: PickleDict, file: string): ReadonlyMap<string, TorchTensor> {
  const entries = new Map<string, TorchTensor>()
  for (const [key, item] of dict) {
    if (typeof key !== 'string') throw new DenseNetError(`${file} has a weight whose name is ${String(key)}`)
    if (!(item instanceof TorchTensor)) {
      throw new DenseNetError(`${file}: ${key} is ${sort(item)}, not a tensor`)
    }
    entries.set(key, item)
  }
  return entries
}
