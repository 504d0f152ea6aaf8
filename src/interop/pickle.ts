// A restricted unpickler (Python's pickle protocols 0 to 5): a machine with a stack that makes plain containers and
// asks its owner what each global stands for. It imports nothing and calls nothing of Python's; a global that the owner
// does not know ends it. Every instruction takes constant time, or time in proportion to what it takes from the stack,
// and nothing recurses, so that time and memory are bounded by the length of the file.
import { DenseNetError } from '../errors.js'
import { damaged } from './tensor.js'

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly PickleValue[]
  | PickleDict
  | PickleGlobal
  | object

/** A dict or an OrderedDict. */
export type PickleDict = Map<PickleValue, PickleValue>

/** A class or function by name, and what a call of it makes here. */
export class PickleGlobal {
  constructor(
    readonly name: string,
    readonly call: ((args: readonly PickleValue[]) => PickleValue) | null = null,
  ) {}
}

/** An object that is carried along without a meaning, such as the number of an epoch kept by NumPy. */
export class Inert {
  constructor(readonly name: string) {}
}

export interface PickleOwner {
  /** For messages. */
  readonly file: string
  /** What a global stands for; throws for one that is not known. */
  global(module: string, name: string): PickleGlobal
  persistent(id: PickleValue): PickleValue
}

/** More than any list of weights has, little enough to be read in seconds. */
const MOST_INSTRUCTIONS = 20_000_000
const LONGEST_INTEGER = 64

const LATIN = new TextDecoder('latin1')
const UTF8 = new TextDecoder('utf-8')

/** The value pickled at `start`, and where it ends. */
export function unpickle(bytes: Uint8Array, start: number, owner: PickleOwner): { value: PickleValue; end: number } {
  return new Machine(bytes, start, owner).run()
}

class Machine {
  #at: number
  readonly #view: DataView
  readonly #memo = new Map<number, PickleValue>()
  readonly #marks: number[] = []
  readonly #stack: PickleValue[] = []

  constructor(
    readonly bytes: Uint8Array,
    start: number,
    readonly owner: PickleOwner,
  ) {
    this.#at = start
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  run(): { value: PickleValue; end: number } {
    for (let done = 0; done < MOST_INSTRUCTIONS; done++) {
      const code = this.#view.getUint8(this.#take(1))
      if (code === 0x2e) return { value: this.#pop(), end: this.#at }
      this.#step(code)
    }
    throw this.#broken(`it has more than ${MOST_INSTRUCTIONS} instructions`)
  }

  #broken(why: string): DenseNetError {
    return damaged(this.owner.file, `its pickle is broken (${why})`)
  }

  /** Moves on by `length` bytes, which must be there; where they begin. */
  #take(length: number): number {
    const begin = this.#at
    if (length > this.bytes.length - begin) throw this.#broken('it ends in the middle')
    this.#at = begin + length
    return begin
  }

  #u8 = (): number => this.#view.getUint8(this.#take(1))
  #u32 = (): number => this.#view.getUint32(this.#take(4), true)
  #u64 = (): number => Number(this.#view.getBigUint64(this.#take(8), true))

  #slice(length: number): Uint8Array {
    const begin = this.#take(length)
    return this.bytes.subarray(begin, begin + length)
  }

  #line(): string {
    const end = this.bytes.indexOf(0x0a, this.#at)
    if (end < 0) throw this.#broken('it ends in the middle')
    const text = UTF8.decode(this.bytes.subarray(this.#at, end))
    this.#at = end + 1
    return text
  }

  #pop(): PickleValue {
    const floor = this.#marks.at(-1) ?? 0
    if (this.#stack.length <= floor) throw this.#broken('its stack is empty')
    return this.#stack.pop()!
  }

  #top(): PickleValue {
    const value = this.#pop()
    this.#stack.push(value)
    return value
  }

  #popMark(): PickleValue[] {
    const mark = this.#marks.pop()
    if (mark === undefined) throw this.#broken('a mark is missing')
    return this.#stack.splice(mark)
  }

  #popMany(count: number): PickleValue[] {
    const values = Array.from({ length: count }, () => this.#pop())
    return values.reverse()
  }

  #integer(bytes: Uint8Array): number | bigint {
    if (bytes.length > LONGEST_INTEGER) throw this.#broken(`an integer of ${bytes.length} bytes`)
    let value = 0n
    for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!)
    if (bytes.length > 0 && bytes.at(-1)! & 0x80) value -= 1n << BigInt(8 * bytes.length)
    const small = Number(value)
    return Number.isSafeInteger(small) ? small : value
  }

  #decimal(text: string): number {
    if (text === '00' || text === '01') return Number(text)
    const value = Number(text.replace(/L$/, ''))
    if (text.length > 40 || Number.isNaN(value)) throw this.#broken(`no number: ${text.slice(0, 40)}`)
    return value
  }

  #quoted(text: string): string {
    const found = /^(['"])([^\\]*)\1$/.exec(text)
    if (!found) throw this.#broken('a string with escapes')
    return found[2]!
  }

  #remembered(key: number): PickleValue {
    if (!this.#memo.has(key)) throw this.#broken(`nothing was remembered as ${key}`)
    return this.#memo.get(key)!
  }

  #append(values: readonly PickleValue[]): void {
    const list = this.#top()
    if (!Array.isArray(list)) throw this.#broken('items for what is no list')
    for (const value of values) list.push(value)
  }

  #setItems(items: readonly PickleValue[]): void {
    const dict = this.#top()
    if (!(dict instanceof Map)) throw this.#broken('items for what is no dictionary')
    this.#fill(dict, items)
  }

  #fill(dict: PickleDict, items: readonly PickleValue[]): PickleDict {
    if (items.length % 2 !== 0) throw this.#broken('a key without a value')
    for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!)
    return dict
  }

  #call(callee: PickleValue, args: PickleValue): PickleValue {
    if (!(callee instanceof PickleGlobal) || !Array.isArray(args)) throw this.#broken('a call of what is no function')
    if (callee.call === null) throw new DenseNetError(`${this.owner.file} calls ${callee.name}, which is refused`)
    return callee.call(args)
  }

  /** Attributes of an object: an OrderedDict's and an inert one's mean nothing here, nobody else has any. */
  #build(): void {
    this.#pop()
    const target = this.#top()
    if (target instanceof Map || target instanceof Inert) return
    throw new DenseNetError(`${this.owner.file} sets attributes of an object that may have none, which is refused`)
  }

  #step(code: number): void {
    const push = (value: PickleValue): void => {
      this.#stack.push(value)
    }
    switch (code) {
      case 0x80: // PROTO
        this.#take(1)
        break
      case 0x95: // FRAME
        this.#take(8)
        break
      case 0x28: // MARK
        this.#marks.push(this.#stack.length)
        break
      case 0x30: // POP
        if (this.#stack.length === this.#marks.at(-1)) this.#marks.pop()
        else this.#pop()
        break
      case 0x31: // POP_MARK
        this.#popMark()
        break
      case 0x32: // DUP
        push(this.#top())
        break
      case 0x4e: // NONE
        push(null)
        break
      case 0x88: // NEWTRUE
      case 0x89: // NEWFALSE
        push(code === 0x88)
        break
      case 0x49: // INT
      case 0x4c: // LONG
      case 0x46: // FLOAT
        push(this.#decimal(this.#line()))
        break
      case 0x4a: // BININT
        push(this.#view.getInt32(this.#take(4), true))
        break
      case 0x4b: // BININT1
        push(this.#u8())
        break
      case 0x4d: // BININT2
        push(this.#view.getUint16(this.#take(2), true))
        break
      case 0x8a: // LONG1
        push(this.#integer(this.#slice(this.#u8())))
        break
      case 0x8b: // LONG4
        push(this.#integer(this.#slice(this.#u32())))
        break
      case 0x47: // BINFLOAT
        push(this.#view.getFloat64(this.#take(8)))
        break
      case 0x53: // STRING
        push(this.#quoted(this.#line()))
        break
      case 0x54: // BINSTRING
        push(LATIN.decode(this.#slice(this.#u32())))
        break
      case 0x55: // SHORT_BINSTRING
        push(LATIN.decode(this.#slice(this.#u8())))
        break
      case 0x56: // UNICODE
        push(this.#line())
        break
      case 0x58: // BINUNICODE
        push(UTF8.decode(this.#slice(this.#u32())))
        break
      case 0x8c: // SHORT_BINUNICODE
        push(UTF8.decode(this.#slice(this.#u8())))
        break
      case 0x8d: // BINUNICODE8
        push(UTF8.decode(this.#slice(this.#u64())))
        break
      case 0x42: // BINBYTES
        push(this.#slice(this.#u32()))
        break
      case 0x43: // SHORT_BINBYTES
        push(this.#slice(this.#u8()))
        break
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        push(this.#slice(this.#u64()))
        break
      case 0x29: // EMPTY_TUPLE
      case 0x5d: // EMPTY_LIST
        push([])
        break
      case 0x74: // TUPLE
      case 0x6c: // LIST
      case 0x91: // FROZENSET
        push(this.#popMark())
        break
      case 0x85: // TUPLE1, TUPLE2, TUPLE3
      case 0x86:
      case 0x87:
        push(this.#popMany(code - 0x84))
        break
      case 0x61: // APPEND
        this.#append([this.#pop()])
        break
      case 0x65: // APPENDS
        this.#append(this.#popMark())
        break
      case 0x7d: // EMPTY_DICT
        push(new Map())
        break
      case 0x64: // DICT
        push(this.#fill(new Map(), this.#popMark()))
        break
      case 0x73: // SETITEM
        this.#setItems(this.#popMany(2))
        break
      case 0x75: // SETITEMS
        this.#setItems(this.#popMark())
        break
      case 0x8f: // EMPTY_SET
        push([])
        break
      case 0x90: // ADDITEMS
        this.#append(this.#popMark())
        break
      case 0x63: // GLOBAL
        push(this.owner.global(this.#line(), this.#line()))
        break
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.#popMany(2)
        if (typeof module !== 'string' || typeof name !== 'string') throw this.#broken('a global without a name')
        push(this.owner.global(module, name))
        break
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const args = this.#pop()
        push(this.#call(this.#pop(), args))
        break
      }
      case 0x62: // BUILD
        this.#build()
        break
      case 0x70: // PUT
        this.#memo.set(this.#decimal(this.#line()), this.#top())
        break
      case 0x71: // BINPUT
        this.#memo.set(this.#u8(), this.#top())
        break
      case 0x72: // LONG_BINPUT
        this.#memo.set(this.#u32(), this.#top())
        break
      case 0x94: // MEMOIZE
        this.#memo.set(this.#memo.size, this.#top())
        break
      case 0x67: // GET
        push(this.#remembered(this.#decimal(this.#line())))
        break
      case 0x68: // BINGET
        push(this.#remembered(this.#u8()))
        break
      case 0x6a: // LONG_BINGET
        push(this.#remembered(this.#u32()))
        break
      case 0x51: // BINPERSID
        push(this.owner.persistent(this.#pop()))
        break
      default:
        // Among them: INST, OBJ (calls of old), EXT1 to EXT4 (the extension registry), PERSID, buffers out of band.
        throw this.#broken(`the instruction 0x${code.toString(16)} is not allowed`)
    }
  }
}
