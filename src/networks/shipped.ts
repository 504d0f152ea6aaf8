// The network that comes with the package: small, and there at once. scripts/ship-model.mjs makes its folder.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const inFolder = (name: string): string => fileURLToPath(new URL(`../../models/cifar10/${name}`, import.meta.url))

/** Its name, the path of its weights, and where they come from. */
export const SHIPPED = {
  name: 'cifar10',
  path: inFolder('model.safetensors'),
  licence: 'BSD-3-Clause',
  source: 'comes with densenet',
} as const

/** On CIFAR-10's 10,000 test images, in percent. */
export async function shippedErrors(): Promise<{ readonly top1Error: number; readonly top5Error: number }> {
  const { test } = JSON.parse(await readFile(inFolder('config.json'), 'utf8'))
  return { top1Error: test.top1Error, top5Error: test.top5Error }
}
