// A tiny network that is served, pictures to send, and sockets that misbehave.
import { connect, type Socket } from 'node:net'
import sharp from 'sharp'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { DenseNet } from '../../dist/densenet.js'
import { TINY, tinyDataset } from '../training/fixtures.js'

export function tinyModel(): DenseNet {
  const model = DenseNet.create(TINY, { seed: 5, name: 'tiny' })
  const { normalisation, classes } = tinyDataset('test', 1)
  model.normalisation = normalisation
  model.classes = classes
  return model
}

export const on = createReferenceBackend()

export function picture(seed = 0, size = 10): Promise<Buffer> {
  const pixels = Buffer.from(
    Array.from({ length: 3 * size * size }, (_, i) => (i * 37 + seed * 91 + ((i * i) % 11) * 9) % 256),
  )
  return sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
    .png()
    .toBuffer()
}

/** Sends text as it is; resolves to all that comes back when the server, or the time, ends it. */
export function raw(
  url: string,
  text: string | Buffer,
  milliseconds = 5000,
): Promise<{ answer: string; socket: Socket; ended: boolean }> {
  const { hostname, port } = new URL(url)
  return new Promise(resolve => {
    const socket = connect(Number(port), hostname)
    let answer = ''
    const done = (ended: boolean): void => {
      clearTimeout(timer)
      resolve({ answer, socket, ended })
    }
    const timer = setTimeout(() => done(false), milliseconds)
    socket.on('data', data => {
      answer += data
    })
    socket.on('error', () => done(true))
    socket.on('close', () => done(true))
    socket.write(text)
  })
}
