// The messages of ONNX (onnx/onnx.proto) that a network needs, as plain data, and their bytes. Field numbers are those
// of the protocol; pbf writes the wire format.
import { PbfWriter } from 'pbf'

const ONNX_TYPES = { float: 1, uint8: 2, int8: 3, int64: 7, float16: 10 } as const

export interface OnnxTensor {
  readonly name: string
  readonly type: keyof typeof ONNX_TYPES
  readonly shape: readonly number[]
  /** Little-endian numbers. */
  readonly bytes: Uint8Array
}

export interface OnnxNode {
  readonly op: string
  readonly inputs: readonly string[]
  readonly output: string
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>
}

/** Whole numbers; `float`: a real one. */
export type OnnxAttribute = number | readonly number[] | { readonly float: number }

export interface OnnxValue {
  readonly name: string
  /** A text names a size that is free. */
  readonly shape: readonly (number | string)[]
}

export interface OnnxModel {
  readonly name: string
  readonly nodes: readonly OnnxNode[]
  readonly initializers: readonly OnnxTensor[]
  readonly input: OnnxValue
  readonly output: OnnxValue
  readonly metadata: Readonly<Record<string, string>>
}

/** The operator set, and the format's own version that belongs to it. */
const OPSET = 17
const IR_VERSION = 8
const ATTRIBUTE = { float: 1, int: 2, ints: 7 } as const

/** The bytes of a .onnx file. */
export function encodeOnnx({ name, nodes, initializers, input, output, metadata }: OnnxModel): Uint8Array {
  const model = new PbfWriter()
  int(model, 1, IR_VERSION)
  text(model, 2, 'densenet')
  message(model, 7, graph => {
    for (const node of nodes) message(graph, 1, pbf => writeNode(node, pbf))
    text(graph, 2, name)
    for (const tensor of initializers) message(graph, 5, pbf => writeTensor(tensor, pbf))
    message(graph, 11, pbf => writeValue(input, pbf))
    message(graph, 12, pbf => writeValue(output, pbf))
  })
  message(model, 8, opset => int(opset, 2, OPSET))
  for (const [key, value] of Object.entries(metadata)) {
    message(model, 14, entry => {
      text(entry, 1, key)
      text(entry, 2, value)
    })
  }
  return model.finish()
}

function int(pbf: PbfWriter, field: number, value: number): void {
  pbf.writeVarintField(field, value)
}

function text(pbf: PbfWriter, field: number, value: string): void {
  pbf.writeStringField(field, value)
}

function message(pbf: PbfWriter, field: number, write: (pbf: PbfWriter) => void): void {
  pbf.writeMessage(field, (_, inner) => write(inner), null)
}

function writeNode({ op, inputs, output, attributes = {} }: OnnxNode, pbf: PbfWriter): void {
  for (const input of inputs) text(pbf, 1, input)
  text(pbf, 2, output)
  text(pbf, 3, `${output}/${op}`)
  text(pbf, 4, op)
  for (const [name, value] of Object.entries(attributes)) {
    message(pbf, 5, attribute => {
      text(attribute, 1, name)
      if (typeof value === 'number') int(attribute, 3, value)
      else if ('float' in value) attribute.writeFloatField(2, value.float)
      else for (const n of value) int(attribute, 8, n)
      int(
        attribute,
        20,
        typeof value === 'number' ? ATTRIBUTE.int : 'float' in value ? ATTRIBUTE.float : ATTRIBUTE.ints,
      )
    })
  }
}

function writeTensor({ name, type, shape, bytes }: OnnxTensor, pbf: PbfWriter): void {
  for (const size of shape) int(pbf, 1, size)
  int(pbf, 2, ONNX_TYPES[type])
  text(pbf, 8, name)
  pbf.writeBytesField(9, bytes)
}

/** Of float32 numbers. */
function writeValue({ name, shape }: OnnxValue, pbf: PbfWriter): void {
  text(pbf, 1, name)
  message(pbf, 2, type =>
    message(type, 1, tensor => {
      int(tensor, 1, ONNX_TYPES.float)
      message(tensor, 2, dimensions => {
        for (const size of shape) {
          message(dimensions, 1, dimension => {
            if (typeof size === 'number') int(dimension, 1, size)
            else text(dimension, 2, size)
          })
        }
      })
    }),
  )
}
