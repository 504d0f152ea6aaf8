// The network that comes with the package: small, and there at once.
import { fileURLToPath } from 'node:url'

export const SHIPPED = {
  name: 'cifar10',
  path: fileURLToPath(new URL('../../models/cifar10/model.safetensors', import.meta.url)),
  licence: 'BSD-3-Clause',
  source: 'comes with densenet',
  /** On CIFAR-10's 10,000 test images, in percent: densenet test cifar10 --dataset cifar10 */
  top1Error: 25.66,
  top5Error: 1.32,
} as const
