// The classifier: output[n][o] = bias[o] + sum over c of weight[o][c] * input[n][c].
import type { LinearBackward, LinearForward } from '../../engine/kernels.js'
import { type Context, plane, vector } from './memory.js'

export function linearForward(context: Context, call: LinearForward): void {
  const input = plane(context, call.input)
  const output = plane(context, call.output)
  const weight = vector(context, call.weight, output.channels * input.channels)
  const bias = vector(context, call.bias, output.channels)
  for (let n = 0; n < context.batch; n++) {
    const from = input.at(n, 0)
    for (let o = 0; o < output.channels; o++) {
      let sum = bias[o]!
      for (let c = 0; c < input.channels; c++) sum += weight[o * input.channels + c]! * input.data[from + c]!
      output.data[output.at(n, o)] = sum
    }
  }
}

export function linearBackward(context: Context, call: LinearBackward): void {
  const input = plane(context, call.input)
  const dOutput = plane(context, call.outputGradient)
  const dInput = plane(context, call.inputGradient)
  const outputs = dOutput.channels
  const inputs = input.channels
  const weight = vector(context, call.weight, outputs * inputs)
  const dWeight = new Float64Array(outputs * inputs)
  const dBias = new Float64Array(outputs)
  for (let n = 0; n < context.batch; n++) {
    const row = new Float64Array(inputs)
    const from = input.at(n, 0)
    for (let o = 0; o < outputs; o++) {
      const gradient = dOutput.data[dOutput.at(n, o)]!
      dBias[o]! += gradient
      for (let c = 0; c < inputs; c++) {
        dWeight[o * inputs + c]! += gradient * input.data[from + c]!
        row[c]! += gradient * weight[o * inputs + c]!
      }
    }
    dInput.data.set(row, dInput.at(n, 0))
  }
  vector(context, call.weightGradient, outputs * inputs).set(dWeight)
  vector(context, call.biasGradient, outputs).set(dBias)
}
