// The names that a pickle in a PyTorch file may use, and what they stand for here: tensors, plain containers, and things
// of training scripts (NumPy's numbers, arguments) that are carried along without a meaning. Everything else is refused.
import { DenseNetError } from '../errors.js'
import { Inert, type PickleDict, PickleGlobal, type PickleValue } from './pickle.js'
import type { StoredType } from './tensor.js'

/** A storage's elements: where they are is the file format's business. */
export class TorchStorage {
  constructor(
    readonly type: StoredType,
    readonly key: string,
    /** In elements. */
    readonly length: number,
    /** Where it begins in the storage of that key (old files only). */
    readonly begin: number = 0,
  ) {}
}

/** A view of a storage, not looked at yet. */
export class TorchTensor {
  constructor(
    readonly storage: TorchStorage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

const STORAGES: Readonly<Record<string, StoredType>> = {
  FloatStorage: 'float32',
  DoubleStorage: 'float64',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'uint8',
}

/** Harmless, and without a meaning for weights. */
const INERT = new Set([
  'numpy.dtype',
  'numpy.core.multiarray.scalar',
  'numpy._core.multiarray.scalar',
  'numpy.core.multiarray._reconstruct',
  'numpy._core.multiarray._reconstruct',
  'numpy.ndarray',
  '_codecs.encode',
  'argparse.Namespace',
  'torch.device',
  'builtins.set',
  '__builtin__.set',
  'datetime.timedelta',
])

export function torchGlobal(file: string, module: string, name: string): PickleGlobal {
  const full = `${module}.${name}`
  if (/^torch(\.cuda)?$/.test(module) && Object.hasOwn(STORAGES, name)) return new PickleGlobal(full)
  switch (full) {
    case 'collections.OrderedDict':
      return new PickleGlobal(full, args => orderedDict(file, args))
    case 'collections.defaultdict':
      return new PickleGlobal(full, () => new Map())
    case 'collections.Counter':
      return new PickleGlobal(full, ([counts]) => (isDict(counts) ? counts : new Map()))
    // What a defaultdict makes; a call of them would be refused.
    case '__builtin__.list':
    case '__builtin__.dict':
    case '__builtin__.int':
    case 'builtins.list':
    case 'builtins.dict':
    case 'builtins.int':
      return new PickleGlobal(full)
    case 'torch._utils._rebuild_tensor_v2':
    case 'torch._utils._rebuild_tensor':
      return new PickleGlobal(full, args => rebuildTensor(file, args))
    case 'torch._utils._rebuild_parameter':
      return new PickleGlobal(full, ([tensor]) => tensor ?? null)
    case 'torch.Size':
    case 'builtins.tuple':
      return new PickleGlobal(full, ([items]) => items ?? [])
  }
  if (INERT.has(full)) return new PickleGlobal(full, () => new Inert(full))
  if (module === 'torch' && /^(float|int|uint|bool|bfloat|complex)\d*$/.test(name)) return new PickleGlobal(full)
  throw refusal(file, full)
}

function refusal(file: string, full: string): DenseNetError {
  const hint = "in Python: torch.save(model.state_dict(), 'weights.pth')"
  // A class of some package with models in it, not one of Python's own doors.
  if (/^(?!os|posix|nt|sys|subprocess|builtins|__builtin__)[\w.]+\.[A-Z]\w*$/.test(full)) {
    return new DenseNetError(
      `${file} holds a whole pickled model or object (${full}) that only its Python code could rebuild; a file of weights is needed`,
      { hint },
    )
  }
  return new DenseNetError(`${file} asks for ${full}, which a file of weights never needs: nothing was run of it`, {
    hint: `do not trust this file; a harmless one is made ${hint}`,
  })
}

/** Python 2 passes its items as a list of pairs. */
function orderedDict(file: string, [items = []]: readonly PickleValue[]): PickleDict {
  if (!Array.isArray(items) || !items.every(pair => Array.isArray(pair) && pair.length === 2)) {
    throw new DenseNetError(`${file} is damaged: it describes an OrderedDict wrongly`)
  }
  return new Map(items as [PickleValue, PickleValue][])
}

function rebuildTensor(file: string, args: readonly PickleValue[]): TorchTensor {
  const [storage, offset, shape, strides] = args
  const numbers = (value: PickleValue | undefined): value is number[] =>
    Array.isArray(value) && value.every(n => typeof n === 'number')
  if (!(storage instanceof TorchStorage) || typeof offset !== 'number' || !numbers(shape) || !numbers(strides)) {
    throw new DenseNetError(`${file} is damaged: it describes a tensor wrongly`)
  }
  return new TorchTensor(storage, offset, shape, strides)
}

/** The storage that a persistent id names: ('storage', type, key, device, length[, view]). */
export function torchStorage(file: string, id: PickleValue): TorchStorage {
  const [kind, type, key, , length, view] = Array.isArray(id) ? (id as PickleValue[]) : []
  const name = type instanceof PickleGlobal ? type.name.replace(/^torch\.(cuda\.)?/, '') : ''
  if (kind !== 'storage' || typeof key !== 'string' || typeof length !== 'number' || !Object.hasOwn(STORAGES, name)) {
    throw new DenseNetError(`${file} refers to something outside its pickle that is no storage, which is refused`)
  }
  if (Array.isArray(view)) {
    // (key, offset, length) of a part of a storage.
    const [, begin, part] = view as PickleValue[]
    if (typeof begin !== 'number' || typeof part !== 'number') {
      throw new DenseNetError(`${file} is damaged: it describes a storage wrongly`)
    }
    return new TorchStorage(STORAGES[name]!, key, part, begin)
  }
  return new TorchStorage(STORAGES[name]!, key, length)
}

export const isDict = (value: PickleValue | undefined): value is PickleDict => value instanceof Map
