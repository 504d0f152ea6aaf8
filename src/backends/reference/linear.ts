// The classifier: output[n][o] = bias[o] + sum over c of weight[o][c] * input[n][c].
import type { LinearBackward, LinearForward } from '../../engine/kernels.js'
import { activation, type Context, scores, vector } from './memory.js'

export function linearForward(context: Context, call: LinearForward): void {
  const input = activation(context, call.input)
  const output = scores(context, call.output)
  const weight = vector(context, call.weight, output.channels * input.channels)
  const bias = vector(context, call.bias, output.channels)
  const [x, y] = [input, output].map(({ channels }) => new Float64Array(channels)) as [Float64Array, Float64Array]
  for (let n = 0; n < context.batch; n++) {
    input.load(n, x)
    for (let o = 0; o < y.length; o++) {
      let sum = bias[o]!
      for (let c = 0; c < x.length; c++) sum += weight[o * x.length + c]! * x[c]!
      y[o] = sum
    }
    output.store(n, y)
  }
}

export function linearBackward(context: Context, call: LinearBackward): void {
  const input = activation(context, call.input)
  const outputGradient = scores(context, call.outputGradient)
  const inputGradient = activation(context, call.inputGradient)
  const outputs = outputGradient.channels
  const inputs = input.channels
  const weight = vector(context, call.weight, outputs * inputs)
  const dWeight = new Float64Array(outputs * inputs)
  const dBias = new Float64Array(outputs)
  const [x, dx] = [new Float64Array(inputs), new Float64Array(inputs)]
  const dOutput = new Float64Array(outputs)
  for (let n = 0; n < context.batch; n++) {
    input.load(n, x)
    outputGradient.load(n, dOutput)
    dx.fill(0)
    for (let o = 0; o < outputs; o++) {
      const gradient = dOutput[o]!
      dBias[o]! += gradient
      for (let c = 0; c < inputs; c++) {
        dWeight[o * inputs + c]! += gradient * x[c]!
        dx[c]! += gradient * weight[o * inputs + c]!
      }
    }
    inputGradient.store(n, dx)
  }
  vector(context, call.weightGradient, outputs * inputs).set(dWeight)
  vector(context, call.biasGradient, outputs).set(dBias)
}
