// The files of test/interop/fixtures: real producers' weights, gzipped, and the logits these computed from them.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterAll } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { createSession } from '../../dist/engine/session.js'
import { architecture, scoresOf } from '../../dist/model/architecture.js'
import type { DenseNetConfig } from '../../dist/model/config.js'

const FOLDER = fileURLToPath(new URL('./fixtures/', import.meta.url))

export interface Golden {
  readonly producer: string
  /** [n][channels][height][width] of the images. */
  readonly input: readonly [number, number, number, number]
  readonly logits: readonly (readonly number[])[]
}

export const golden = JSON.parse(readFileSync(join(FOLDER, 'golden.json'), 'utf8')) as Readonly<Record<string, Golden>>

export const fixture = (name: string): Buffer => gunzipSync(readFileSync(join(FOLDER, `${name}.gz`)))

/** A fixture that goes with another; null: there is none of that name. */
export const fixtureBeside = async (name: string): Promise<Uint8Array | null> =>
  existsSync(join(FOLDER, `${name}.gz`)) ? fixture(name) : null

/** A folder that is removed after the tests of a file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'densenet-interop-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Unpacks a fixture into a folder; its path. */
export function unpack(name: string, folder: string): string {
  const path = join(folder, basename(name))
  writeFileSync(path, fixture(name))
  return path
}

/** As make_fixtures.py makes them. */
export const images = (shape: readonly number[]): Float32Array =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 7919) % 1024) / 512 - 1)

interface Weights {
  readonly config: DenseNetConfig
  readonly parameters: Float32Array | Float64Array
  readonly running: Float32Array | Float64Array
}

/** Logits in evaluate mode, in float64, one row an image: [classes], or [classes][height][width]. */
export async function logitsOf({ config, parameters, running }: Weights, inputs: Float32Array): Promise<number[][]> {
  const batchSize = inputs.length / (config.inputChannels * config.height * config.width)
  const backend = createReferenceBackend({ precision: 'float64' })
  const described = architecture(config)
  const { height, width } = scoresOf(described)
  const session = await createSession(described, backend, { batchSize })
  await session.writeState({ parameters: Float64Array.from(parameters), running: Float64Array.from(running) })
  await session.evaluate({ size: batchSize, images: inputs, labels: new Float32Array(batchSize * height * width) })
  const logits = [...(await session.logits(batchSize))]
  session.dispose()
  backend.dispose()
  const numbers = config.classes * height * width
  return Array.from({ length: batchSize }, (_, i) => logits.slice(i * numbers, (i + 1) * numbers))
}

/** Largest difference between two tables of logits. */
export const worstDifference = (a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number =>
  Math.max(...a.flatMap((row, i) => row.map((x, j) => Math.abs(x - b[i]![j]!))))

const originalLogits = JSON.parse(readFileSync(join(FOLDER, 'original/logits.json'), 'utf8')) as Record<
  'a' | 'b',
  number[][]
>

/** Networks of the original program. */
export const ORIGINAL = {
  a: { file: 'original/model_6.t7', logits: originalLogits.a },
  b: { file: 'original/model_b_cudnn.t7', logits: originalLogits.b },
}

export const originalImages = (which: 'a' | 'b'): Float32Array =>
  new Float32Array(new Uint8Array(fixture(`original/input_${which}.f32`)).buffer)
