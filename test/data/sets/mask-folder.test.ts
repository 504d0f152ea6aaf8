// Folders of images with masks: where they are, which classes there are.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { chooseDataset } from '../../../dist/data/sets/choose-dataset.js'
import { maskFolder } from '../../../dist/data/sets/mask-folder.js'
import { temporaryFolder } from '../../training/fixtures.js'
import { classesOf, maskOf, pictureOf, putMasks } from '../masks.js'
import { put, putClasses } from '../pictures.js'

const folder = temporaryFolder()
const [height, width] = [10, 12]

/** An image and its mask at these paths. */
async function pair(root: string, image: string, mask: string, values = classesOf(height, width)): Promise<void> {
  put(root, image, await pictureOf(values, height, width))
  put(root, mask, maskOf(values, height, width))
}

test("CamVid's layout: train and trainannot, and its eleven classes", async () => {
  const root = join(folder, 'CamVid')
  for (const split of ['train', 'val', 'test']) await pair(root, `${split}/0.png`, `${split}annot/0.png`)
  const { train, validation, test } = (await maskFolder(root, { size: 8 }))!
  expect(train).toMatchObject({ split: 'train', height: 8, width: 8, length: 1, where: 'folder train' })
  expect([validation.split, test.split]).toEqual(['validation', 'test'])
  expect(test).toMatchObject({ height, width })
  expect(train.classes).toHaveLength(11)
  expect([train.classes[3], train.masks!.meaning.get(3), train.masks!.meaning.get(11)]).toEqual(['road', 3, -1])
  expect((await maskFolder(root, { frames: true }))!.train).toMatchObject({ height, width, masks: { crops: false } })
})

test('folders of splits in folders of images and masks; names of masks may have an ending', async () => {
  const root = join(folder, 'inside')
  for (const split of ['train', 'val']) await pair(root, `images/${split}/a.png`, `labels/${split}/a_L.png`)
  const files = (await maskFolder(root))!
  expect(files.validation.masks!.files).toEqual([join(root, 'labels/val/a_L.png')])
  expect(files.test).toBe(files.validation)
})

test('without a split a tenth is set aside; without names classes are numbers', async () => {
  const root = join(folder, 'plain')
  await putMasks(root, 11, height, width)
  const { train, test } = (await maskFolder(root, { seed: 1 }))!
  expect([train.length, test.length, test.split]).toEqual([10, 1, 'test'])
  expect([...train.files, ...test.files].sort()).toHaveLength(11)
  expect(train.classes).toEqual(['0', '1', '2'])
  expect(train.decided).toEqual(['classes: the numbers in the masks, 0 to 2; 255 is void'])
})

test('a table of colours', async () => {
  const root = join(folder, 'colours')
  const values = classesOf(height, width)
  for (const split of ['train', 'val']) {
    put(root, `${split}/images/a.png`, await pictureOf(values, height, width))
    put(root, `${split}/masks/a.png`, await pictureOf(values, height, width))
  }
  await expect(maskFolder(root)).rejects.toThrow('has colours instead of classes')
  put(root, 'label_colors.txt', '250 10 10\tfence\n128 128 128\tVoid\n10 250 10\t\tgrass\n10 10 250\tsky\n')
  const { train } = (await maskFolder(root))!
  expect(train.classes).toEqual(['fence', 'grass', 'sky'])
  expect(train.masks!.meaning.get((10 << 16) | (250 << 8) | 10)).toBe(1)
  expect(train.masks!.meaning.get((128 << 16) | (128 << 8) | 128)).toBe(-1)
  put(root, 'label_colors.txt', '250 10 10 fence\n300 1 1 grass\n')
  await expect(maskFolder(root)).rejects.toThrow('line 2 of')
})

test('an image without a mask is named', async () => {
  const root = join(folder, 'lacks')
  await putMasks(join(root, 'train'), 2, height, width)
  put(root, 'train/images/lonely.png', await pictureOf(classesOf(height, width), height, width))
  await expect(maskFolder(root)).rejects.toThrow('lonely.png has no mask in')
})

test('a folder of classes is no folder of masks', async () => {
  const root = join(folder, 'photos')
  await putClasses(join(root, 'train'), { cat: 2, dog: 2 })
  expect(await maskFolder(root)).toBe(null)
  await expect(chooseDataset(root, { frames: true })).rejects.toThrow('--frames is for images with masks')
  expect((await chooseDataset(join(folder, 'plain'))).pixels).toBe(true)
})
