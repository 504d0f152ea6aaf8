// MAT-files of level 5 as SVHN has them, written plainly: X [32][32][3][images], the first index varying fastest, and y.

function element(type: number, data: Uint8Array): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt32LE(type, 0)
  head.writeUInt32LE(data.length, 4)
  return Buffer.concat([head, data, Buffer.alloc((8 - (data.length % 8)) % 8)])
}

const bytesOf = (...numbers: number[]): Buffer => Buffer.from(Uint32Array.from(numbers).buffer)

/** An array of bytes. */
function matrix(name: string, dimensions: readonly number[], data: Uint8Array): Buffer {
  const parts = [
    element(6, bytesOf(9, 0)),
    element(5, bytesOf(...dimensions)),
    element(1, Buffer.from(name)),
    element(2, data),
  ]
  return element(14, Buffer.concat(parts))
}

/** `labels`: digits 1 to 9, and 10 for the 0. Each image is of one grey, `grey` of its number. */
export function svhnFile(labels: readonly number[], grey: (image: number) => number): Buffer {
  const header = Buffer.from('MATLAB 5.0 MAT-file'.padEnd(128))
  header.write('\x00\x01IM', 124, 'latin1')
  const images = Buffer.alloc(labels.length * 3072)
  for (let i = 0; i < labels.length; i++) images.fill(grey(i), i * 3072, (i + 1) * 3072)
  const x = matrix('X', [32, 32, 3, labels.length], images)
  return Buffer.concat([header, x, matrix('y', [labels.length, 1], Uint8Array.from(labels))])
}
