// Files made with bad intent: refused with a sentence, in bounded time and memory, and nothing in them is run.
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import { zipSync } from 'fflate'
import { describe, expect, test } from 'vitest'
import { DenseNetError } from '../../dist/errors.js'
import { decodeWeights as readBytesOf } from '../../dist/interop/decode-weights.js'
import { importWeights } from '../../dist/interop/import-weights.js'
import { kerasWeights } from '../../dist/interop/keras.js'
import { decodeWeightFile as decodeWeights, readWeights } from '../../dist/networks/weight-files.js'
import { temporaryFolder } from '../training/fixtures.js'
import { fixture } from './fixtures.js'

const bytesOf = (...parts: (string | readonly number[] | Uint8Array)[]): Uint8Array =>
  Buffer.concat(parts.map(part => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Uint8Array.from(part))))
const int32 = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer)
const int64 = (value: bigint): Uint8Array => new Uint8Array(BigInt64Array.of(value).buffer)

/** PyTorch's zip with any pickle, and any storages. */
const torchZip = (pickle: Uint8Array, storages: Record<string, Uint8Array> = {}): Uint8Array =>
  zipSync(
    {
      'x/data.pkl': pickle,
      ...Object.fromEntries(Object.entries(storages).map(([key, data]) => [`x/data/${key}`, data])),
    },
    { level: 0 },
  )

const text = (value: string): Uint8Array => bytesOf('X', int32(value.length), value)
const tuple = (values: readonly number[]): Uint8Array => bytesOf('(', ...values.map(value => number(value)), 't')
const number = (value: number): Uint8Array =>
  Math.abs(value) < 2 ** 31 ? bytesOf('J', int32(value)) : bytesOf([0x8a, 8], int64(BigInt(value)))

interface TensorText {
  readonly shape?: readonly number[]
  readonly strides?: readonly number[]
  readonly offset?: number
  readonly length?: number
  readonly type?: string
  readonly name?: string
}

/** {name: tensor} as torch.save pickles it. */
function state({ shape = [2], strides = [1], offset = 0, length = 2, type = 'FloatStorage', name = 'a' }: TensorText) {
  return bytesOf(
    [0x80, 2],
    '}(',
    text(name),
    'ctorch._utils\n_rebuild_tensor_v2\n((',
    text('storage'),
    `ctorch\n${type}\n`,
    text('0'),
    text('cpu'),
    number(length),
    'tQ',
    number(offset),
    tuple(shape),
    tuple(strides),
    [0x89],
    'ccollections\nOrderedDict\n)RtRu.',
  )
}
const eight = { 0: new Uint8Array(8) }

async function refused(bytes: Uint8Array, message: RegExp): Promise<void> {
  const reading = decodeWeights(bytes, 'x.pth')
  await expect(reading).rejects.toThrow(DenseNetError)
  await expect(reading).rejects.toThrow(message)
}

test('the pickle that the others are made of is read', async () => {
  const { tensors } = await decodeWeights(torchZip(state({}), eight), 'x.pth')
  expect([...tensors]).toEqual([['a', { shape: [2], data: new Float32Array(2) }]])
})

describe('pickles that want more than tensors', () => {
  const call = (module: string, name: string): Uint8Array =>
    bytesOf([0x80, 2], `c${module}\n${name}\n`, text('true'), [0x85], 'R.')
  const flag = join(temporaryFolder(), 'flag')
  test.each<[string, Uint8Array, RegExp]>([
    ['os.system', call('os', 'system'), /asks for os\.system, .*nothing was run/],
    ['posix.system', call('posix', 'system'), /asks for posix\.system/],
    ['eval', call('builtins', 'eval'), /asks for builtins\.eval/],
    ['getattr', call('builtins', 'getattr'), /asks for builtins\.getattr/],
    ['import', call('builtins', '__import__'), /asks for builtins\.__import__/],
    ['a name of objects', call('constructor', '__proto__'), /asks for constructor\.__proto__/],
    ['torch.load', call('torch.serialization', 'load'), /asks for torch\.serialization\.load/],
    ['subprocess', call('subprocess', 'Popen'), /asks for subprocess\.Popen/],
    [
      'a class',
      call('torchvision.models.densenet', 'DenseNet'),
      /whole pickled model or object \(torchvision\.models\.densenet\.DenseNet\)/,
    ],
    ['STACK_GLOBAL', bytesOf([0x80, 4], text('os'), text('system'), [0x93], '.'), /asks for os\.system/],
    ['STACK_GLOBAL of no texts', bytesOf([0x80, 4], '}}', [0x93], '.'), /a global without a name/],
    ['INST', bytesOf("(S'true'\nios\nsystem\n."), /instruction 0x69 is not allowed/],
    ['OBJ', bytesOf('(cos\nsystem\no.'), /asks for os\.system/],
    ['the extension registry', bytesOf([0x80, 2, 0x82, 1], '.'), /instruction 0x82 is not allowed/],
    ['a persistent id as text', bytesOf('Pstorage\n.'), /instruction 0x50 is not allowed/],
    [
      'a persistent id of another kind',
      bytesOf([0x80, 2], text('module'), [0x85], 'Q.'),
      /no storage, which is refused/,
    ],
    ['a storage of a type that is none', state({ type: 'Size' }), /no storage, which is refused/],
    [
      'a call of a storage',
      bytesOf([0x80, 2], 'ctorch\nFloatStorage\n)R.'),
      /calls torch\.FloatStorage, which is refused/,
    ],
    ['a call of a text', bytesOf([0x80, 2], text('os'), ')R.'), /a call of what is no function/],
    [
      'BUILD on a class',
      bytesOf([0x80, 2], 'ctorch\nFloatStorage\n}b.'),
      /sets attributes of an object that may have none/,
    ],
    ['BUILD on a tensor', bytesOf(state({}).subarray(0, -2), '}b', 'u.'), /sets attributes/],
    ['items of a list', bytesOf([0x80, 2], '](', text('a'), text('b'), 'u.'), /items for what is no dictionary/],
    ['a key without a value', bytesOf([0x80, 2], '}(', text('a'), 'u.'), /a key without a value/],
    ['an empty stack', bytesOf([0x80, 2], 'R.'), /its stack is empty/],
    ['a missing mark', bytesOf([0x80, 2], 't.'), /a mark is missing/],
    ['what was never remembered', bytesOf([0x80, 2], 'h\x05.'), /nothing was remembered as 5/],
    ['no end', bytesOf([0x80, 2], '}'), /ends in the middle/],
    ['a text beyond the end', bytesOf([0x80, 2], 'X', int32(-1), '.'), /ends in the middle/],
    ['a text of 2^62 bytes', bytesOf([0x80, 4, 0x8d], int64(2n ** 62n), '.'), /ends in the middle/],
    [
      'an integer of a million bytes',
      bytesOf([0x80, 2, 0x8b], int32(1_000_000), new Uint8Array(1_000_000), '.'),
      /an integer of 1000000 bytes/,
    ],
    [
      'an OrderedDict of a text',
      bytesOf([0x80, 2], 'ccollections\nOrderedDict\n', text('ab'), [0x85], 'R.'),
      /describes an OrderedDict wrongly/,
    ],
    [
      'NumPy’s array instead of weights',
      bytesOf([0x80, 2], '}', text('a'), 'cnumpy\nndarray\n)Rs.'),
      /none of it is known to be weights|holds no weights/,
    ],
    ['no dictionary', bytesOf([0x80, 2], ']].'), /holds no weights: a list/],
    ['an empty one', bytesOf([0x80, 2], '}.'), /holds an empty dictionary/],
  ])('%s', async (_, pickle, message) => {
    await refused(torchZip(pickle, eight), message)
    await expect(readWeights(flag)).rejects.toThrow(/there is no file/)
  })

  test('a million dictionaries within each other', async () => {
    const deep = bytesOf([0x80, 2], Buffer.alloc(1_000_000, ']'), Buffer.alloc(999_999, 'a'), '.')
    await refused(torchZip(deep), /holds no weights/)
    const nested = bytesOf([0x80, 2], Buffer.from('}U\x05state'.repeat(200_000)), '}', Buffer.alloc(200_000, 's'), '.')
    await refused(torchZip(nested), /holds no weights|none of it is known/)
  })

  test('a bomb of references', async () => {
    // Each list holds the one before ten times: 10^40 elements for who walks them.
    const level = (i: number): Uint8Array =>
      bytesOf(']q', [i], '(', Buffer.concat(Array(10).fill(bytesOf('h', [i - 1]))), 'e0')
    const bomb = bytesOf([0x80, 2], ']q\x000', ...Array.from({ length: 40 }, (_, i) => level(i + 1)), 'h', [40], '.')
    await refused(torchZip(bomb), /holds no weights/)
  })
})

describe('tensors that lie', () => {
  const [huge, far] = [2 ** 40, Number.MAX_SAFE_INTEGER]
  test.each<[string, TensorText, RegExp]>([
    ['beyond their storage', { shape: [3] }, /a reaches to element 3 of a storage of 2/],
    ['an offset beyond it', { offset: 1 }, /reaches to element 3/],
    ['a negative offset', { offset: -1 }, /begins at element -1/],
    ['a negative size', { shape: [-2], strides: [1] }, /impossible shape \[-2\]/],
    ['a product that overflows', { shape: [huge, huge], strides: [0, 0] }, /impossible shape/],
    ['a stride of nought', { shape: [1_000_000_000], strides: [0] }, /repeats elements of its storage/],
    ['a negative stride', { strides: [-1] }, /strides \[-1\]/],
    ['too few strides', { shape: [1, 2], strides: [1] }, /strides \[1\] for the shape/],
    ['a far stride', { strides: [far] }, /reaches to element/],
    ['a storage longer than its bytes', { shape: [4], length: 4 }, /has 8 bytes, not 4 elements/],
    ['a storage of 2^50', { shape: [4], length: 2 ** 50 }, /has 8 bytes, not/],
    ['a negative storage', { length: -2 }, /has 8 bytes, not -2/],
    ['another type', { type: 'DoubleStorage' }, /has 8 bytes, not 2 elements of float64/],
  ])('%s', async (_, tensor, message) => refused(torchZip(state(tensor), eight), message))

  test('a name of millions of letters', async () => {
    const file = await decodeWeights(torchZip(state({ name: `${'a'.repeat(20_000_000)}.b` }), eight), 'x.pth')
    expect(() => importWeights(file)).toThrow(/a tensor whose name has 20000002 letters/)
  })

  test('a storage that is not there', async () => refused(torchZip(state({})), /the storage 0 is missing/))

  test('one storage used a million times', async () => {
    const storage = new Uint8Array(400_000)
    const one = (name: string): Uint8Array => state({ name, shape: [100_000], length: 100_000 }).subarray(4, -2)
    const many = Array.from({ length: 2000 }, (_, i) => one(`a${i}`))
    await refused(torchZip(bytesOf([0x80, 2], '}(', ...many, 'u.'), { 0: storage }), /more than 8 times/)
  })
})

describe('archives', () => {
  const plain = (): Buffer => Buffer.from(torchZip(state({}), eight))
  test.each<[string, () => Uint8Array, RegExp]>([
    [
      'a bomb',
      () => {
        const zeros = deflateRawSync(new Uint8Array(200_000_000))
        return patched(
          zipSync({ 'x/data.pkl': [state({}), { level: 0 }], 'x/data/0': [zeros, { level: 0 }] }),
          zeros.length,
          200_000_000,
        )
      },
      /would grow from \d+ to 200000000 bytes, which weights never do/,
    ],
    ['a name with ..', () => zipSync({ '../data.pkl': state({}) }), /"\.\.\/data.pkl", which is refused/],
    ['a name from the root', () => zipSync({ '/x/data.pkl': state({}) }), /which is refused/],
    [
      'nothing of anybody',
      () => zipSync({ 'a.txt': new Uint8Array(3) }),
      /archive of a.txt: not PyTorch's, Keras's, Chainer's or Lasagne's/,
    ],
    ['NumPy’s', () => zipSync({ 'x.npy': new Uint8Array(3) }), /archive of x.npy: not PyTorch's/],
    [
      'a duplicate',
      () => {
        const zip = Buffer.from(zipSync({ 'x/data/0': new Uint8Array(8), 'x/data/1': new Uint8Array(8) }, { level: 0 }))
        for (let at = zip.indexOf('x/data/1'); at >= 0; at = zip.indexOf('x/data/1')) zip.write('x/data/0', at)
        return zip
      },
      /holds x\/data\/0 twice/,
    ],
    [
      'a checksum that differs',
      () => {
        const zip = plain()
        zip[zip.indexOf('FloatStorage')]! ^= 1
        return zip
      },
      /the checksum of x\/data.pkl differs/,
    ],
    [
      'overlapping entries',
      () => {
        const zip = plain()
        const second = zip.lastIndexOf('PK\x01\x02')
        zip.writeUInt32LE(0, second + 42)
        return zip
      },
      /overlap|is called/,
    ],
    ['no directory', () => plain().subarray(0, 60), /has no end: the file is cut short/],
  ])('%s', async (_, make, message) => refused(make(), message))

  /** A stored entry declared as deflated, of another size. */
  function patched(zip: Uint8Array, packed: number, size: number): Uint8Array {
    const bytes = Buffer.from(zip)
    const central = bytes.lastIndexOf('PK\x01\x02')
    expect(bytes.readUInt32LE(central + 20)).toBe(packed)
    bytes.writeUInt16LE(8, central + 10)
    bytes.writeUInt32LE(size, central + 24)
    return bytes
  }
})

describe('Torch7', () => {
  const table = (...rest: (string | readonly number[] | Uint8Array)[]) => bytesOf(int32(3), int32(1), ...rest)
  const object = (name: string, ...rest: Uint8Array[]) =>
    bytesOf(int32(4), int32(1), int32(3), 'V 1', int32(name.length), name, ...rest)
  test.each<[string, Uint8Array, RegExp]>([
    ['a table of 2^31 entries', table(int32(2 ** 31 - 1)), /cut short/],
    ['a negative table', table(int32(-1)), /a table of -1 entries/],
    ['a function', table(int32(1), int32(8), int32(2)), /a Lua function, which is refused/],
    ['an unknown kind', table(int32(1), int32(77)), /unknown kind 77/],
    ['a storage of 2^60', object('torch.FloatStorage', int64(2n ** 60n)), /cut short/],
    ['a negative storage', object('torch.FloatStorage', int64(-1n)), /cut short/],
    ['a tensor of many dimensions', object('torch.FloatTensor', int32(2 ** 30)), /a tensor of 1073741824 dimensions/],
    ['a class of its own', object('torch.EvilTensor', int32(0)), /torch.EvilTensor, which is not known/],
    [
      'a class by a name of objects',
      object('torch.constructorTensor', int32(0)),
      /torch.constructorTensor, which is not known/,
    ],
    ['no network', table(int32(0)), /holds no network/],
    ['a text of negative length', table(int32(1), int32(2), int32(-5)), /cut short/],
    ['bytes at the end', table(int32(0), [1, 2, 3]), /3 bytes at its end/],
    [
      'nesting',
      bytesOf(...Array.from({ length: 5000 }, (_, i) => bytesOf(int32(3), int32(i + 1), int32(1)))),
      /nested more than 200 deep/,
    ],
  ])('%s', async (_, bytes, message) => refused(bytes, message))

  test('a network that contains itself', async () => {
    // {modules: {1: itself}}
    const key = bytesOf(int32(2), int32(7), 'modules')
    const inner = bytesOf(
      int32(3),
      int32(3),
      int32(1),
      int32(1),
      new Uint8Array(Float64Array.of(1).buffer),
      int32(4),
      int32(1),
    )
    await refused(
      object('nn.Sequential', bytesOf(int32(3), int32(2), int32(1), key, inner)),
      /nested more than 50 deep/,
    )
  })
})

describe('Caffe', () => {
  const field = (number: number, content: Uint8Array | string): Uint8Array =>
    bytesOf(varint(number * 8 + 2), varint(content.length), typeof content === 'string' ? content : [...content])
  const varint = (value: number): number[] =>
    value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))]
  const layer = (type: string, ...more: Uint8Array[]): Uint8Array =>
    field(100, bytesOf(field(1, 'x'), field(2, type), ...more))
  const blob = (shape: readonly number[], numbers: number): Uint8Array =>
    field(7, bytesOf(field(7, field(1, bytesOf(shape.flatMap(varint)))), field(5, new Uint8Array(4 * numbers))))
  test.each<[string, Uint8Array, RegExp]>([
    ['a layer beyond the end', bytesOf(layer('ReLU'), varint(802), varint(2 ** 40)), /claims 1099511627776 bytes of 0/],
    ['a number without end', bytesOf(layer('ReLU'), Array(20).fill(255)), /a number in it has no end/],
    ['the field 0', bytesOf(layer('ReLU'), [0, 0]), /a field in it has the number 0/],
    ['an unknown wire', bytesOf(layer('ReLU'), [11]), /of the unknown kind 3/],
    ['layers of V1', field(2, field(4, 'conv1')), /Caffe's first format \(V1\), which has no batch norm/],
    ['a layer of another kind', layer('LSTM'), /a layer x of the type LSTM, which no DenseNet of ours has/],
    ['a shape that overflows', layer('Convolution', blob([2 ** 40, 2 ** 40], 1)), /4 bytes of float32 for the shape/],
    ['too few numbers', layer('Convolution', blob([2, 2], 3)), /12 bytes of float32 for the shape \[2,2\]/],
    ['a shape of many dimensions', layer('Convolution', blob(Array(20).fill(1), 1)), /more than 8 dimensions/],
    ['no numbers', layer('Convolution'), /has no numbers for its layer x/],
    ['a batch norm of one', layer('BatchNorm', blob([1], 1)), /1 lists of numbers for its batch norm x/],
    ['a scale of nothing', layer('Scale', blob([1], 1)), /scales what is no batch norm's/],
    [
      'a name twice',
      bytesOf(layer('InnerProduct', blob([1, 1], 1)), layer('InnerProduct', blob([1, 1], 1))),
      /two layers x/,
    ],
    ['its network in words', bytesOf('name: "DENSENET_121"\nlayer {'), /in words: name the .caffemodel/],
  ])('%s', async (_, bytes, message) => {
    const reading = decodeWeights(bytes, 'x').then(importWeights)
    await expect(reading).rejects.toThrow(DenseNetError)
    await expect(reading).rejects.toThrow(message)
  })
})

describe('MXNet', () => {
  const uint32 = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer)
  const uint64 = (...values: number[]): Uint8Array => bytesOf(...values.map(value => int64(BigInt(value))))
  const params = (count: number, ...rest: Uint8Array[]): Uint8Array => bytesOf(uint64(0x112, 0, count), ...rest)
  const array = (shape: readonly number[], type = 0, sparse = 0): Uint8Array =>
    bytesOf(uint32(0xf993fac9, sparse, shape.length), uint64(...shape), uint32(1, 0, type))
  const names = (...list: string[]): Uint8Array =>
    bytesOf(uint64(list.length), ...list.flatMap(name => [uint64(name.length), bytesOf(name)]))
  test.each<[string, Uint8Array, RegExp]>([
    ['2^40 arrays', params(2 ** 40), /it claims 1099511627776 arrays/],
    ['an array of 2^40 numbers', params(1, array([2 ** 40]), new Uint8Array(99)), /it is cut short/],
    ['a shape that overflows', params(1, array([2 ** 40, 2 ** 40]), new Uint8Array(99)), /it is cut short/],
    ['many dimensions', params(1, uint32(77), new Uint8Array(99)), /an array of 77 dimensions/],
    ['no shape', params(1, array([]), new Uint8Array(99)), /an array without a shape/],
    ['a sparse array', params(1, array([1], 0, 1), new Uint8Array(99)), /a sparse array/],
    ['an unknown type', params(1, array([1], 77), new Uint8Array(99)), /the unknown type 77/],
    ['fewer names', params(1, array([1]), uint32(0), names()), /1 arrays and 0 names/],
    ['a name twice', params(2, array([1]), uint32(0), array([1]), uint32(0), names('a', 'aux:a')), /holds a twice/],
    ['bytes at its end', params(1, array([1]), uint32(0), names('a'), uint32(1)), /4 bytes more than its arrays/],
  ])('%s', async (_, bytes, message) => refused(bytes, message))

  test.each<[string, unknown, RegExp]>([
    ['that is none', { a: 1 }, /its symbol is no network of MXNet's/],
    ['that reads itself', { nodes: [{ op: 'relu', name: 'a', inputs: [[0, 0]] }] }, /a read what comes after it/],
    ['of another network', { nodes: [{ op: 'RNN', name: 'a', inputs: [] }] }, /operation a \(RNN\), which no DenseNet/],
    ['with nested lists', `{"nodes":${'['.repeat(1_000_000)}`, /its symbol is no network/],
  ])('a symbol %s', async (_, symbol, message) => {
    const text = typeof symbol === 'string' ? symbol : JSON.stringify(symbol)
    const reading = readBytesOf(params(1, array([1]), uint32(0), names('a')), 'x', {
      readBeside: async () => bytesOf(text),
    })
    await expect(reading).rejects.toThrow(message)
  })
})

describe('arrays of NumPy', () => {
  const npy = (header: string, data = 4, version = 1): Uint8Array =>
    bytesOf([0x93], 'NUMPY', [version, 0, header.length & 255, header.length >> 8], header, new Uint8Array(data))
  const header = (descr: string, shape: string, order = 'False'): string =>
    `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': (${shape}), }`
  test.each<[string, Uint8Array, RegExp]>([
    ['objects of Python', npy(header("'|O'", '1,')), /elements of the type \|O, which no weights have/],
    ['big-endian', npy(header("'>f4'", '1,')), /elements of the type >f4/],
    ['fields', npy(header("[('a', '<f4')]", '1,')), /no plain array of numbers/],
    ['a name of objects', npy(header("'constructor'", '1,')), /elements of the type constructor/],
    ['a shape that overflows', npy(header("'<f4'", '9007199254740991, 9007199254740991')), /4 bytes of float32/],
    ['a negative size', npy(header("'<f4'", '-1,')), /no plain array of numbers/],
    ['many dimensions', npy(header("'<f4'", '1, '.repeat(40))), /4 bytes of float32/],
    ['too many bytes', npy(header("'<f4'", '1,'), 5), /5 bytes of float32/],
    ['a header beyond the end', npy('', 0).map((byte, i) => (i === 8 ? 255 : byte)), /its header claims 255 bytes/],
    ['another version', npy(header("'<f4'", '1,'), 4, 9), /does not begin as an array of NumPy/],
    ['no array', new Uint8Array(3), /does not begin as an array of NumPy/],
    ['whole numbers', npy(header("'<i4'", '1,')), /arr_0 holds whole numbers/],
    ['one list', npy(header("'<f4'", '1,')), /4 lists of numbers should begin with arr_0/],
  ])('%s', async (_, array, message) => refused(zipSync({ 'arr_0.npy': array }), message))

  test('a gap', async () => refused(zipSync({ 'arr_1.npy': npy(header("'<f4'", '1,')) }), /arr_0 is missing/))
})

describe('other files are named', () => {
  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /is empty/],
    ['a web page', bytesOf('<!DOCTYPE html><html>'), /a web page/],
    ['a pickle of Python', bytesOf([0x80, 4], '}.'), /a pickle, but not one of PyTorch's/],
    ['gzip', bytesOf([0x1f, 0x8b, 8, 0]), /compressed with gzip/],
    ['ONNX', bytesOf([8, 8, 0x12, 4], 'onnx'), /ONNX, which can be written but not read/],
    ['Git LFS', bytesOf('version https://git-lfs.github.com/spec/v1\n'), /Git LFS pointer/],
    ['text of Torch7', bytesOf('4\n1\n3\nV 1\n'), /Torch7 in text form/],
    ['an image', bytesOf([0x89], 'PNG\r\n'), /no file of weights that is known/],
    [
      'a safetensors header of 2^60 bytes',
      bytesOf(int64(2n ** 60n), '{}'),
      /its header claims 1152921504606846976 bytes/,
    ],
  ])('%s', async (_, bytes, message) => refused(bytes, message))

  test('a whole model, and a TorchScript program', async () => {
    await refused(
      fixture('whole-model.pth'),
      /whole pickled model or object \(torchvision\.models\.densenet\.DenseNet\)/,
    )
    await refused(fixture('script.pt'), /a TorchScript program, not weights/)
  })

  test('a folder, and a file that is not there', async () => {
    await expect(readWeights(tmpdir())).rejects.toThrow(/is a folder, not a file of weights/)
    await expect(readWeights('no/such.pth')).rejects.toThrow(/there is no file no\/such.pth/)
  })
})

test.each(['layers/constructor/vars/0', 'layers/attention/vars/0', 'a/a/constructor:0', 'a/a/toString'])(
  'Keras’s %s is no weight of a DenseNet',
  path => {
    const dataset = { path, shape: [1], dtype: '<f4', data: new Float64Array(1) }
    expect(() => kerasWeights({ datasets: [dataset], names: {} }, 'x.h5')).toThrow(
      /no DenseNet of ours has|no weight of a DenseNet/,
    )
  },
)
