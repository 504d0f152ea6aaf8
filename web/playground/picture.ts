// One picture as it is kept: as it came where that is small, else scaled down. What a network reads is smaller still.
import { DenseNetError } from '../../src/errors.js'
import { isKeptType } from './names.js'

/** Of the shorter side. */
const MOST_PIXELS = 512
const QUALITY = 0.95

export async function asKept(file: Blob, name: string): Promise<Blob> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new DenseNetError(`${name} is no picture that this browser can read`)
  })
  const { width, height } = bitmap
  const scale = Math.min(1, MOST_PIXELS / Math.min(width, height))
  if (scale === 1 && isKeptType(file.type)) {
    bitmap.close()
    return file
  }
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale))
  const context = canvas.getContext('2d')!
  context.imageSmoothingQuality = 'high'
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
  bitmap.close()
  return canvas.convertToBlob({ type: 'image/jpeg', quality: QUALITY })
}

const addresses = new WeakMap<Blob, string>()

/** For an <img>. */
export function addressOf(image: Blob): string {
  const known = addresses.get(image)
  if (known !== undefined) return known
  const made = URL.createObjectURL(image)
  addresses.set(image, made)
  return made
}
