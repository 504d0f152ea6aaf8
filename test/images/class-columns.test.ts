// Lists with a column for each class, as CheXpert's: 1, 0, -1 and blanks beside columns that are no classes.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { createLoader } from '../../dist/data/loading/loader.js'
import { type ImageFilesOptions, imageFiles, testImageFiles } from '../../dist/data/sets/image-files.js'
import { MISSING } from '../../dist/images/dataset.js'
import { halves } from '../data/pictures.js'
import { temporaryFolder } from '../data/tiny.js'

const HEADING = 'Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Edema,Fracture,split'
const CHEXPERT = [
  HEADING,
  'a.jpg,Female,68,Frontal,AP,1.0,,,train',
  'b.jpg,Male,1,Lateral,,,-1.0,0.0,train',
  'c.jpg,Female,0,Frontal,PA,0.0,1.0,-1.0,train',
  'd.jpg,Male,87,Frontal,AP,,1.0,1.0,train',
  'e.jpg,Male,62,Frontal,AP,0.0,0.0,1.0,valid',
].join('\n')

async function listed(text: string): Promise<string> {
  const path = join(await temporaryFolder(), 'list.csv')
  writeFileSync(path, text)
  return path
}

const X = MISSING

test.each<[ImageFilesOptions, number[][]]>([
  [
    { uncertain: 'zeros' },
    [
      [1, 0, 0],
      [0, 0, 0],
      [0, 1, 0],
      [0, 1, 1],
    ],
  ],
  [
    { uncertain: 'ones' },
    [
      [1, 0, 0],
      [0, 1, 0],
      [0, 1, 1],
      [0, 1, 1],
    ],
  ],
  [
    { uncertain: 'ignore' },
    [
      [1, 0, 0],
      [0, X, 0],
      [0, 1, X],
      [0, 1, 1],
    ],
  ],
  [
    { uncertain: 'ones', blank: 'ignore' },
    [
      [1, X, X],
      [X, 1, 0],
      [0, 1, 1],
      [X, 1, 1],
    ],
  ],
])('%j', async (options, rows) => {
  const { train, validation, unused, decided } = await imageFiles(await listed(CHEXPERT), options)
  expect(train.classes).toEqual(['No Finding', 'Edema', 'Fracture'])
  expect([...train.targets!]).toEqual(rows.flat())
  expect([...validation.targets!]).toEqual([0, 0, 1])
  expect(unused).toEqual(['columns Sex, Age, Frontal/Lateral, AP/PA'])
  expect(train.reading).toEqual({ uncertain: options.uncertain, blank: options.blank ?? 'zeros' })
  expect(decided.map(line => line.replace(/:.*/, ''))).toEqual(['2 uncertain labels (-1)', '4 blank labels'])
})

test('-1 is refused unless something is said of it', async () => {
  const list = await listed(CHEXPERT)
  await expect(imageFiles(list)).rejects.toMatchObject({
    code: 'usage',
    message: `line 3 of ${list} has -1 for the class "Edema", which is uncertain`,
    hint: expect.stringContaining('--uncertain zeros (not there), ones (there), or ignore'),
  })
  expect((await imageFiles(list, { uncertain: 'ignore' })).train.classes).toEqual(['No Finding', 'Edema', 'Fracture'])
  const wrong = imageFiles(list, { uncertain: 'maybe' as 'ones' })
  await expect(wrong).rejects.toThrow('expected one of zeros, ones, ignore for uncertain')
})

test('a value among those of a class is refused, not its column left out', async () => {
  const list = await listed('path,a,b\n1.jpg,1,0\n2.jpg,0,1\n3.jpg,2,1\n')
  await expect(imageFiles(list)).rejects.toThrow('line 4 of')
  await expect(testImageFiles(await listed('path,a,b\n1.jpg,7,0\n'), { classes: ['a', 'b'] })).rejects.toThrow(
    'has "7"',
  )
})

test('a class of which a list for testing says nothing', async () => {
  const list = await listed('path,a,b\n1.jpg,1,\n2.jpg,0,\n')
  const { targets } = await testImageFiles(list, { classes: ['a', 'b'], blank: 'ignore' })
  expect([...targets!]).toEqual([1, X, 0, X])
})

test('paths that name the folder of the list are relative to the folder above', async () => {
  const above = await temporaryFolder()
  const image = 'CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.png'
  mkdirSync(dirname(join(above, image)), { recursive: true })
  await halves(12, 12).png().toFile(join(above, image))
  const list = join(above, 'CheXpert-v1.0-small', 'train.csv')
  writeFileSync(list, `Path,Edema,Fracture,split\n${image},1.0,-1.0,train\n${image},0.0,1.0,valid\n`)
  const { train, decided } = await imageFiles(list, { size: 8, uncertain: 'ignore' })
  expect(train.files).toEqual([join(above, image)])
  expect(decided[0]).toBe(`paths are relative to ${above}`)

  // To a batch, and mixed: what is not known of one is not known of the mixture.
  for (const mixing of [undefined, { mixup: 1 }]) {
    const loader = createLoader(train, {
      batchSize: 1,
      seed: 0,
      shuffle: false,
      workers: 0,
      ...(mixing ? { mixing } : {}),
    })
    for await (const { targets } of loader.epoch(1)) expect([...targets!]).toEqual([1, Number.NaN])
    await loader.dispose()
  }
})

test.each(['Image', 'filename'])('the column of paths may be called %s', async name => {
  const list = await listed(`${name},label,split\na.jpg,x,train\nb.jpg,y,train\nc.jpg,y,val\n`)
  expect((await imageFiles(list)).train.files).toEqual(['a.jpg', 'b.jpg'].map(file => join(dirname(list), file)))
})
