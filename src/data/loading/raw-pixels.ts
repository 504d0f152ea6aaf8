// What the decoder gives of a file, interleaved and in the file's own kind of numbers, to three planes from 0 to 255.
// CMYK as Pillow makes RGB of it; of 16 bits the upper eight; floating point from 0 to 1, or from 0 to 255. Numbers whose
// black and white nothing tells are refused.

import type { Metadata } from 'sharp'
import { DenseNetError } from '../../errors.js'

/** Numbers as they stand in a file. */
export interface PixelKind {
  /** In which the decoder leaves them as they are. */
  readonly space: 'srgb' | 'cmyk' | 'rgb16' | 'grey16' | 'scrgb' | 'b-w'
  readonly depth: 'uchar' | 'ushort' | 'float'
}

/** By what the header says. Throws for numbers that mean no brightness. */
export function pixelKind({ space, depth, channels = 3 }: Metadata): PixelKind {
  switch (depth) {
    case 'uchar':
      return { space: space === 'cmyk' ? 'cmyk' : 'srgb', depth }
    case 'ushort':
      if (space === 'cmyk') break
      return { space: channels < 3 ? 'grey16' : 'rgb16', depth }
    case 'float':
      // scRGB would be linear light: nobody's pictures in floating point are.
      return { space: channels < 3 ? 'b-w' : 'scrgb', depth }
  }
  const what = `${NUMBERS[depth ?? ''] ?? `numbers of the kind "${depth}"`}${space === 'cmyk' ? ' in CMYK' : ''}`
  throw new DenseNetError(`its pixels are ${what}, which do not say what is black and white: save it with 8 or 16 bits`)
}

const NUMBERS: Readonly<Record<string, string>> = {
  char: 'signed 8-bit numbers',
  short: 'signed 16-bit numbers',
  ushort: '16-bit numbers',
  int: '32-bit numbers',
  uint: '32-bit numbers',
  double: '64-bit floating-point numbers',
}

interface Planes {
  /** [3][pixels], 0..255 */
  readonly data: Float32Array
  readonly doubt?: string
}

/** `bytes`: [size][channels] numbers of a kind. */
export function toPlanes(bytes: Buffer, { space, depth }: PixelKind, channels: number, size: number): Planes {
  if (space === 'cmyk' && channels === 4) return { data: fromCmyk(bytes, size) }
  if (channels !== 1 && channels !== 3) throw new DenseNetError(`it has ${channels} channels`)
  if (depth === 'uchar') return { data: planes(bytes, channels, size, value => value) }
  const { buffer, byteOffset, byteLength } = bytes
  // Numbers of several bytes must begin where such a number may.
  const own = byteOffset % 4 === 0 ? buffer : buffer.slice(byteOffset, byteOffset + byteLength)
  const from = own === buffer ? byteOffset : 0
  if (depth === 'ushort') {
    const values = new Uint16Array(own, from, byteLength / 2)
    const data = planes(values, channels, size, value => value >> 8)
    const [, most] = range(values)
    return most > 0 && most < DARK ? { data, doubt: dark(most) } : { data }
  }
  const values = new Float32Array(own, from, byteLength / 4)
  const [least, most] = range(values)
  // NaN is neither.
  if (!(least >= 0 && most <= 255)) {
    const found = Number.isNaN(most) ? 'are not all numbers' : `go from ${figure(least)} to ${figure(most)}`
    throw new DenseNetError(`its floating-point pixels ${found}, expected 0 to 1 or 0 to 255`)
  }
  const whole = most <= 1 ? (value: number) => Math.round(value * 255) : Math.floor
  return { data: planes(values, channels, size, whole) }
}

/** What twelve bits hold: so many have the pixels of many cameras and X-ray detectors. */
const DARK = 2 ** 12
const dark = (most: number): string =>
  `its 16-bit pixels reach ${most} of 65535, so it is almost black; if they are of 12 bits, multiply them by 16`

function range(values: Uint16Array | Float32Array): [least: number, most: number] {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    if (Number.isNaN(value)) return [value, value]
    if (value < least) least = value
    if (value > most) most = value
  }
  return [least, most]
}

const figure = (value: number): string => String(Number(value.toPrecision(4)))

function planes(
  values: ArrayLike<number>,
  channels: number,
  size: number,
  scaled: (value: number) => number,
): Float32Array {
  const data = new Float32Array(3 * size)
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0, at = channel * size; i < size; i++, at++) data[at] = scaled(values[i * channels + channel]!)
  }
  if (channels === 1) for (const at of [size, 2 * size]) data.copyWithin(at, 0, size)
  return data
}

/** Pillow's convert('RGB') (libImaging/Convert.c): (255 - K) - C (255 - K) / 255, in its whole numbers. */
function fromCmyk(bytes: Uint8Array, size: number): Float32Array {
  const data = new Float32Array(3 * size)
  for (let i = 0; i < size; i++) {
    const light = 255 - bytes[4 * i + 3]!
    for (let channel = 0; channel < 3; channel++) {
      const product = bytes[4 * i + channel]! * light + 128
      data[channel * size + i] = Math.max(0, light - (((product >> 8) + product) >> 8))
    }
  }
  return data
}
