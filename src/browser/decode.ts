// From the bytes of an image file to pixels, by the browser's own decoder, and the same as Node's: colour profiles are not
// applied, the camera's orientation is, and below transparency stands the colour that the file has there.
import { DenseNetError } from '../errors.js'
import { type DecodedImage, emptyImage } from '../images/image.js'
import { checkFormat, checkShape, MOST_BYTES, MOST_PIXELS } from '../images/image-file.js'
import { opaqueGif } from '../images/image-headers.js'
import type { Reading } from '../inference/image-input.js'
import { type Bitmap, web } from './platform.js'

/** Those of Node's that all browsers have. */
const READABLE = ['JPEG', 'PNG', 'GIF', 'WebP'] as const

export const webReading: Reading = { file: null, bytes: decodeImage, together: 4 }

/** Decodes the bytes of a JPEG, PNG, WebP or GIF file to three channels. */
export async function decodeImage(bytes: Uint8Array): Promise<DecodedImage> {
  if (bytes.length === 0) throw new DenseNetError('it is empty')
  if (bytes.length > MOST_BYTES) throw new DenseNetError(`it is ${bytes.length} bytes long, more than ${MOST_BYTES}`)
  const format = checkFormat(bytes, READABLE)
  const image = format === 'GIF' ? opaqueGif(bytes) : bytes
  const bitmap = await web
    .createImageBitmap(new Blob([image as Uint8Array<ArrayBuffer>]), {
      colorSpaceConversion: 'none',
      premultiplyAlpha: 'none',
      imageOrientation: 'from-image',
    })
    .catch((cause: Error) => {
      throw new DenseNetError(`it cannot be decoded: ${cause.message}`, { cause })
    })
  try {
    const { width, height } = bitmap
    if (width * height > MOST_PIXELS)
      throw new DenseNetError(`it has ${width * height} pixels, more than ${MOST_PIXELS}`)
    checkShape(height, width)
    return planes(pixelsOf(bitmap), width, height)
  } finally {
    bitmap.close()
  }
}

/** [height][width][4]. A canvas multiplies colours with their opacity, in which they are lost; a texture does not. */
function pixelsOf(bitmap: Bitmap): ArrayLike<number> {
  const { width, height } = bitmap
  const canvas = new web.OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
  if (!canvas) throw new DenseNetError(`there is no memory for its ${width} x ${height} pixels`)
  canvas.drawImage(bitmap, 0, 0)
  const { data } = canvas.getImageData(0, 0, width, height)
  for (let i = 3; i < data.length; i += 4) if (data[i] !== 255) return texturePixels(bitmap)
  return data
}

function texturePixels(bitmap: Bitmap): Uint8Array {
  const { width, height } = bitmap
  const gl = new web.OffscreenCanvas(1, 1).getContext('webgl2')
  if (!gl) throw new DenseNetError('it has transparency, which takes WebGL to be read: this browser has none')
  try {
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, 0)
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE)
    const texture = gl.createTexture()
    gl.bindTexture(gl.TEXTURE_2D, texture)
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap)
    gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer())
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0)
    if (gl.checkFramebufferStatus(gl.FRAMEBUFFER) !== gl.FRAMEBUFFER_COMPLETE) {
      throw new DenseNetError(`it has transparency and ${width} x ${height} pixels, which WebGL does not take here`)
    }
    const pixels = new Uint8Array(4 * width * height)
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, pixels)
    return pixels
  } finally {
    gl.getExtension('WEBGL_lose_context')?.loseContext()
  }
}

function planes(pixels: ArrayLike<number>, width: number, height: number): DecodedImage {
  const image = emptyImage(3, height, width)
  const size = width * height
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < size; i++) image.data[channel * size + i] = pixels[4 * i + channel]!
  }
  return image
}
