// A generated data set for trying things without a download: 3 x 32 x 32 images of ten shapes in random colours, sizes
// and places on a noisy background. Every image hangs on (split, number) only, so it is the same on every machine.
import { sharedBytes } from '../util/bytes.js'
import { type RandomStream, randomStream } from '../util/random.js'
import type { ArrayDataset } from './dataset.js'

const SIZE = 32
const PIXELS = SIZE * SIZE
const TRAIN_IMAGES = 5000
const TEST_IMAGES = 1000

/** Whether a point is inside a shape; x and y from -1 to 1 within its box. */
type Shape = (x: number, y: number) => boolean

const SHAPES: Readonly<Record<string, Shape>> = {
  disc: (x, y) => x * x + y * y < 1,
  ring: (x, y) => Math.abs(x * x + y * y - 0.7) < 0.3,
  square: () => true,
  frame: (x, y) => Math.max(Math.abs(x), Math.abs(y)) > 0.6,
  triangle: (x, y) => Math.abs(x) < (1 + y) / 2,
  diamond: (x, y) => Math.abs(x) + Math.abs(y) < 1,
  plus: (x, y) => Math.min(Math.abs(x), Math.abs(y)) < 0.3,
  cross: (x, y) => Math.min(Math.abs(x - y), Math.abs(x + y)) < 0.4,
  rows: (_, y) => Math.floor((y + 1) * 2.5) % 2 === 0,
  columns: x => Math.floor((x + 1) * 2.5) % 2 === 0,
}

/** Both splits. */
export function synthetic(): { train: ArrayDataset; test: ArrayDataset } {
  return { train: syntheticDataset('train'), test: syntheticDataset('test') }
}

export function syntheticDataset(split: 'train' | 'test'): ArrayDataset {
  const length = split === 'train' ? TRAIN_IMAGES : TEST_IMAGES
  const classes = Object.keys(SHAPES)
  const images = new Uint8Array(sharedBytes(length * 3 * PIXELS))
  const labels = new Uint16Array(sharedBytes(2 * length))
  for (let i = 0; i < length; i++) {
    const random = randomStream(split === 'train' ? 1 : 2, 'split', i)
    const label = random.integer(classes.length)
    labels[i] = label
    draw(images.subarray(i * 3 * PIXELS, (i + 1) * 3 * PIXELS), SHAPES[classes[label]!]!, random)
  }
  return {
    name: 'synthetic',
    split,
    classes,
    channels: 3,
    height: SIZE,
    width: SIZE,
    length,
    images,
    labels,
    normalisation: { mean: [128, 128, 128], deviation: [64, 64, 64] },
  }
}

/** Of one image. */
const noise = new Float64Array(3 * PIXELS)
const shade = (value: number, random: number): number =>
  Math.floor(Math.min(255, Math.max(0, value + 40 * (random - 0.5))) + 0.5)

function draw(image: Uint8Array, inside: Shape, random: RandomStream): void {
  const colour = (): number[] => [random.uniform(), random.uniform(), random.uniform()].map(value => 255 * value)
  const background = colour()
  let foreground = colour()
  const distance = (a: number[], b: number[]): number => a.reduce((sum, value, c) => sum + Math.abs(value - b[c]!), 0)
  while (distance(foreground, background) < 200) foreground = colour()
  const radius = 6 + 8 * random.uniform()
  const place = (): number => radius + (SIZE - 2 * radius) * random.uniform()
  const [left, top] = [place(), place()]
  random.fillUniform(noise)
  for (let pixel = 0; pixel < PIXELS; pixel++) {
    const x = ((pixel % SIZE) + 0.5 - left) / radius
    const y = (Math.floor(pixel / SIZE) + 0.5 - top) / radius
    const painted = Math.abs(x) < 1 && Math.abs(y) < 1 && inside(x, y)
    const colour = painted ? foreground : background
    for (let c = 0; c < 3; c++) image[c * PIXELS + pixel] = shade(colour[c]!, noise[3 * pixel + c]!)
  }
}
