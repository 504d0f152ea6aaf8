// Average pooling over windows that do not overlap: each pixel of a window gets 1 / area of the window's gradient. A window
// at the end of a map may be smaller than the others.
import type { AveragePoolBackward, AveragePoolForward } from '../../engine/kernels.js'
import { activation, type Context } from './memory.js'
import { gradientLoader, gradientWriter, inputLoader, writeStatistics } from './norm.js'

export function averagePoolForward(context: Context, call: AveragePoolForward): void {
  const { input, output, windowHeight, windowWidth } = call
  const load = inputLoader(context, input, call.norm)
  const target = activation(context, output)
  const z = new Float64Array(input.channels * input.height * input.width)
  const means = new Float64Array(output.channels * target.pixels)
  for (let n = 0; n < context.batch; n++) {
    load(n, z)
    for (let c = 0, i = 0; c < output.channels; c++) {
      for (let y = 0; y < output.height; y++) {
        const height = Math.min(windowHeight, input.height - y * windowHeight)
        for (let x = 0; x < output.width; x++) {
          const width = Math.min(windowWidth, input.width - x * windowWidth)
          let sum = 0
          for (let wy = 0; wy < height; wy++) {
            const from = (c * input.height + y * windowHeight + wy) * input.width + x * windowWidth
            for (let wx = 0; wx < width; wx++) sum += z[from + wx]!
          }
          means[i++] = sum / (height * width)
        }
      }
    }
    target.store(n, means)
  }
  writeStatistics(context, output, call.statistics)
}

export function averagePoolBackward(context: Context, call: AveragePoolBackward): void {
  const { input, windowHeight, windowWidth } = call
  const output = call.outputGradient.gradient
  const loadInput = inputLoader(context, input, call.norm)
  const loadGradient = gradientLoader(context, call.outputGradient)
  const writer = gradientWriter(context, input, call.norm, call.inputGradient)
  const z = new Float64Array(input.channels * input.height * input.width)
  const dz = new Float64Array(z.length) // stays 0 in the rows and columns left over
  const dOutput = new Float64Array(output.channels * output.height * output.width)
  for (let n = 0; n < context.batch; n++) {
    loadInput(n, z)
    loadGradient(n, dOutput)
    for (let c = 0, i = 0; c < output.channels; c++) {
      for (let y = 0; y < output.height; y++) {
        const height = Math.min(windowHeight, input.height - y * windowHeight)
        for (let x = 0; x < output.width; x++) {
          const width = Math.min(windowWidth, input.width - x * windowWidth)
          const share = dOutput[i++]! / (height * width)
          for (let wy = 0; wy < height; wy++) {
            const to = (c * input.height + y * windowHeight + wy) * input.width + x * windowWidth
            dz.fill(share, to, to + width)
          }
        }
      }
    }
    writer.add(n, z, dz)
  }
  writer.finish()
}
