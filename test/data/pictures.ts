// Image files that tests make for themselves.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import sharp, { type Sharp } from 'sharp'

/** Left half of one colour, right half of another. */
export function halves(width: number, height: number, left = [200, 40, 40], right = [40, 40, 200]): Sharp {
  const data = Buffer.alloc(width * height * 3)
  for (let i = 0; i < width * height; i++) data.set(i % width < width / 2 ? left : right, 3 * i)
  return sharp(data, { raw: { width, height, channels: 3 } })
}

/** Writes a file and the folders it needs; returns its path. */
export function put(folder: string, name: string, bytes: string | Uint8Array): string {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
  return path
}

/** folder/<split>/<class>/<n>.png: each class in a colour of its own. */
export async function putClasses(folder: string, counts: Readonly<Record<string, number>>): Promise<void> {
  let number = 0
  for (const [name, count] of Object.entries(counts)) {
    for (let i = 0; i < count; i++) {
      const colour = [(53 * number) % 256, (97 * name.length) % 256, (31 * i) % 256]
      put(
        folder,
        join(name, `${i}.png`),
        await halves(40 + i, 36, colour)
          .png()
          .toBuffer(),
      )
    }
    number++
  }
}
