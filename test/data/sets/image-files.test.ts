import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LoaderOptions } from '../../../dist/batches/loader.js'
import { createLoader } from '../../../dist/data/loading/loader.js'
import { fingerprint } from '../../../dist/data/sets/fingerprint.js'
import { imageFiles, testImageFiles } from '../../../dist/data/sets/image-files.js'
import { limitDataset, takeImages } from '../../../dist/images/dataset.js'
import { VIEWS } from '../../../dist/images/transforms/preprocess.js'
import { imagenetTransforms } from '../../../dist/images/transforms/transform.js'
import { halves, put, putClasses } from '../pictures.js'
import { temporaryFolder } from '../tiny.js'

const jpeg = await halves(50, 40).jpeg().toBuffer()

describe("ImageNet's layout", () => {
  test('classes and files in the order of their names; hidden, other and nested files; links', async () => {
    const folder = await temporaryFolder()
    const elsewhere = await temporaryFolder()
    for (const name of ['b/2.JPEG', 'b/10.jpg', 'b/deep/er/1.png', 'a/x.webp', 'a/.hidden.jpg', 'a/notes.txt']) {
      put(folder, join('train', name), jpeg)
    }
    put(folder, 'train/.git/1.jpg', jpeg)
    put(folder, 'train/readme.txt', '')
    put(elsewhere, 'linked/1.jpg', jpeg)
    symlinkSync(join(elsewhere, 'linked'), join(folder, 'train', 'c'))
    symlinkSync(join(elsewhere, 'linked', '1.jpg'), join(folder, 'train', 'a', 'y.jpg'))
    symlinkSync(join(folder, 'train', 'b'), join(folder, 'train', 'b', 'round')) // back to itself
    put(folder, 'val/b/1.jpg', jpeg)
    const { train, test: val } = await imageFiles(folder, { size: 32 })
    expect(train.classes).toEqual(['a', 'b', 'c'])
    expect(train.files.map(file => relative(join(folder, 'train'), file))).toEqual([
      'a/x.webp',
      'a/y.jpg',
      'b/10.jpg',
      'b/2.JPEG',
      'b/deep/er/1.png',
      'c/1.jpg',
    ])
    expect([...train.labels]).toEqual([0, 0, 1, 1, 1, 2])
    expect([...val.labels]).toEqual([1])
    expect(val).toMatchObject({
      name: folder,
      split: 'validation',
      where: 'folder val',
      channels: 3,
      height: 32,
      width: 32,
      length: 1,
    })
    expect(val.preprocessing).toEqual({ resize: 37, crop: 32, interpolation: 'bicubic' })
  })

  test('without val, a tenth of each class is set aside, the same for the same seed', async () => {
    const folder = await temporaryFolder()
    for (let i = 0; i < 30; i++) put(folder, `big/${i}.jpg`, jpeg)
    for (let i = 0; i < 4; i++) put(folder, `small/${i}.jpg`, jpeg)
    put(folder, 'one/0.jpg', jpeg)
    const first = await imageFiles(folder)
    expect(first.train.classes).toEqual(['big', 'one', 'small'])
    expect([first.train.length, first.test.length]).toEqual([31, 4])
    expect([...first.test.labels]).toEqual([0, 0, 0, 2])
    expect(new Set([...first.train.files, ...first.test.files]).size).toBe(35)
    expect(await imageFiles(folder, { seed: 0 })).toEqual(first)
    const other = await imageFiles(folder, { seed: 1 })
    expect(other.test.files).not.toEqual(first.test.files)
    // Of the run's own images those that it has not seen; of any other source all.
    const trainedOn = { name: folder }
    expect((await testImageFiles(folder, { seed: 1, trainedOn })).files).toEqual(other.test.files)
    const moved = { name: '/elsewhere', fingerprint: await fingerprint([other.train, other.test]) }
    expect((await testImageFiles(folder, { seed: 1, trainedOn: moved })).files).toEqual(other.test.files)
    const changed = await testImageFiles(folder, { seed: 1, trainedOn: { name: folder, fingerprint: 'other' } })
    expect([changed.length, changed.where]).toEqual([4, expect.stringContaining('have changed since training')])
    for (const trainedOn of [null, { name: '/elsewhere' }]) {
      expect(await testImageFiles(folder, { seed: 1, trainedOn })).toMatchObject({ length: 35, where: 'all images' })
    }
  })

  test("for a network's test, its classes give the labels", async () => {
    const folder = await temporaryFolder()
    put(folder, 'val/cat/1.jpg', jpeg)
    const { classes, labels } = await testImageFiles(folder, { classes: ['ant', 'bee', 'cat'] })
    expect([classes, [...labels]]).toEqual([['ant', 'bee', 'cat'], [2]])
    await expect(testImageFiles(folder, { classes: ['ant'] })).rejects.toThrow('a class that the network does not know')
  })

  test('what is wrong with a folder, in a sentence', async () => {
    const folder = await temporaryFolder()
    await expect(imageFiles(join(folder, 'none'))).rejects.toThrow(`there is no folder or list ${folder}/none`)
    await expect(imageFiles(folder)).rejects.toThrow(`${folder} has no folders, one for each class`)
    put(folder, 'val/a/1.jpg', jpeg)
    await expect(imageFiles(folder)).rejects.toThrow(`${folder} has no folder train`)
    mkdirSync(join(folder, 'train/b'), { recursive: true })
    put(folder, 'train/c/1.jpg', jpeg)
    put(folder, 'train/b/notes.txt', '')
    await expect(imageFiles(folder)).rejects.toThrow(`there are no images in ${folder}/train/b`)
    put(folder, 'train/b/1.jpg', jpeg)
    await expect(imageFiles(folder)).rejects.toThrow('a class that the training images do not have')
    rmSync(join(folder, 'val'), { recursive: true })
    await expect(imageFiles(folder)).rejects.toThrow('has too few images to set some aside')
    put(folder, 'train/b/2.jpg', jpeg)
    put(folder, 'train/c/2.jpg', jpeg)
    await expect(imageFiles(folder, { size: 0 })).rejects.toThrow('expected a whole number of at least 1 for size')
    const preprocessing = { resize: 10, crop: 32, interpolation: 'bicubic' } as const
    await expect(imageFiles(folder, { size: 32, preprocessing })).rejects.toThrow('for preprocessing')
    rmSync(join(folder, 'train/c'), { recursive: true })
    await expect(imageFiles(folder)).rejects.toThrow(`all images of ${folder}/train are of one class, b`)
    for (const name of ['cat', 'test']) put(folder, `mixed/${name}/1.jpg`, jpeg)
    await expect(imageFiles(join(folder, 'mixed'))).rejects.toMatchObject({
      message: expect.stringContaining('has a folder test beside others, but no folder train'),
      hint: expect.stringMatching(/^it has folders cat, test and 0 images beside them; a folder of images has/),
    })
    for (const name of ['train', 'val', 'Valid']) put(folder, `twice/${name}/1.jpg`, jpeg)
    await expect(imageFiles(join(folder, 'twice'))).rejects.toThrow('two folders of validation images: Valid and val')
  })

  test.each([
    [
      ['train', 'val', 'test'],
      ['validation', 'test'],
    ],
    [
      ['Training', 'Testing'],
      ['test', 'test'],
    ],
    [
      ['TRAIN', 'valid', 'test_set'],
      ['validation', 'test'],
    ],
    [
      ['train', 'validation'],
      ['validation', 'validation'],
    ],
  ])('splits %j: training watches %j', async (names, [watched, tested]) => {
    const folder = await temporaryFolder()
    // What an unpacked archive has around it.
    names.forEach((name, i) => {
      for (const c of ['a', 'b']) for (let n = 0; n <= i; n++) put(folder, `archive/${name}/${c}/${n}.jpg`, jpeg)
    })
    put(folder, '__MACOSX/archive/._x', '')
    const { train, validation, test } = await imageFiles(folder)
    expect([train.length, validation.length, test.length]).toEqual([2, 4, 2 * names.length])
    expect([validation.split, test.split]).toEqual([watched, tested])
    expect(test.where).toBe(`folder ${names.at(-1)}`)
    expect((await testImageFiles(folder, { trainedOn: { name: folder } })).files).toEqual(test.files)
  })

  test('what is not used is told: other files, loose images, other folders, test images without classes', async () => {
    const folder = await temporaryFolder()
    for (const name of ['train/a/1.jfif', 'train/a/2.jpe', 'train/b/1.jpg', 'val/a/1.jpg']) put(folder, name, jpeg)
    mkdirSync(join(folder, 'val/b'))
    for (const name of ['train/a/x.HEIC', 'train/b/y.heic', 'train/b/README', 'train/list.csv']) put(folder, name, '')
    for (const name of ['train/loose.jpg', 'test/1.jpg', 'extra/1.jpg']) put(folder, name, jpeg)
    const { train, validation, test, unused } = await imageFiles(folder)
    expect([train.length, validation.length, test === validation]).toEqual([3, 1, true])
    expect(unused).toEqual([
      ...['2 .heic', '1 .csv', '1 without an ending', 'folder extra'],
      ...['folder test: its images are in no folders of classes', '1 images in no folder of a class'],
    ])
  })

  // sorted() of Python 3.12, as torchvision's ImageFolder has it.
  test("classes are in Python's order, compared in NFC", async () => {
    const names = ['\u{1f600}', '\uff21', '\ufb01', '\u00e9', 'a', 'Z', '10', '9']
    const folder = await temporaryFolder()
    for (const name of names) for (const n of [1, 2]) put(folder, `train/${name}/${n}.jpg`, jpeg)
    put(folder, 'val/e\u0301/1.jpg', jpeg)
    const { train, validation } = await imageFiles(folder)
    expect(train.classes).toEqual(['10', '9', 'Z', 'a', '\u00e9', '\ufb01', '\uff21', '\u{1f600}'])
    expect([...validation.labels]).toEqual([4])
    put(folder, 'val/\u00e9/1.jpg', jpeg)
    await expect(imageFiles(folder)).rejects.toThrow('the same written in different Unicode')
  })
})

describe('a CSV list', () => {
  test('has paths relative to itself, quoted if need be, and may have splits', async () => {
    const folder = await temporaryFolder()
    const list = put(
      folder,
      'list.csv',
      '\ufeffLabel,split,path\r\ncat,train,"a, b.jpg"\r\ndog,val,sub/c.jpg\r\ncat,TRAIN,/d.png\r\n',
    )
    const { train, test: val } = await imageFiles(list)
    expect(train.files).toEqual([join(folder, 'a, b.jpg'), '/d.png'])
    expect(train.classes).toEqual(['cat', 'dog'])
    expect([[...train.labels], [...val.labels]]).toEqual([[0, 0], [1]])
    expect(val.files).toEqual([join(folder, 'sub/c.jpg')])
  })

  test('with val and test rows: training watches val, and test means test', async () => {
    const rows = ['a,x,train', 'b,y,train', 'c,x,VAL', 'd,y,test', 'e,x,test']
    const list = put(await temporaryFolder(), 'list.csv', `path,label,split\n${rows.join('\n')}\n`)
    const { validation, test } = await imageFiles(list)
    expect([validation, test].map(({ split, where, length }) => [split, where, length])).toEqual([
      ['validation', 'rows val', 1],
      ['test', 'rows test', 2],
    ])
    expect((await testImageFiles(list)).files).toEqual(test.files)
  })

  test.each([
    ['UTF-16', Buffer.from('\ufeffpath,label\n1,é\n2,b\n', 'utf16le')],
    ['UTF-16, the other way round', Buffer.from('\ufeffpath,label\n1,é\n2,b\n', 'utf16le').swap16()],
    ['semicolons', Buffer.from('path;label\n1;é\n2;b\n')],
    ['tabs', Buffer.from('"path"\tlabel\n1\té\n2\tb\n')],
    ['NFD', Buffer.from('path,label\n1,e\u0301\n2,b\n')],
  ])('in %s', async (_, bytes) => {
    const list = put(await temporaryFolder(), 'list.csv', bytes)
    expect((await testImageFiles(list)).classes).toEqual(['b', 'é'])
  })

  test('in another encoding, an archive, one class: refused, with the line', async () => {
    const folder = await temporaryFolder()
    const refused = (bytes: Buffer) => expect(imageFiles(put(folder, 'list.csv', bytes))).rejects
    await refused(Buffer.from('path,label\n1,b\n2,\xe9\n', 'latin1')).toThrow(/^line 3 of .*list.csv is not UTF-8$/)
    await refused(Buffer.from('PK\x03\x04....', 'latin1')).toThrow('is an archive, not a folder or a list')
    await refused(Buffer.from('path,label\n1,b\n2,b\n')).toThrow('are of one class, b: there is nothing to tell apart')
  })

  test('names columns that it does not use', async () => {
    const list = put(await temporaryFolder(), 'list.csv', 'path,label,Sex,Age\n1,a,F,3\n2,a,M,4\n3,b,F,5\n')
    expect((await imageFiles(list)).unused).toEqual(['columns Sex, Age'])
  })

  test('without splits has a tenth set aside', async () => {
    const lines = Array.from({ length: 20 }, (_, i) => `${i}.jpg,${i % 2}`)
    const list = put(await temporaryFolder(), 'list.csv', `path,label\n${lines.join('\n')}\n`)
    const { train, test: val } = await imageFiles(list)
    expect([train.length, val.length, [...val.labels].sort()]).toEqual([18, 2, [0, 1]])
  })

  describe('with several labels', () => {
    const read = async (text: string) => {
      const folder = await temporaryFolder()
      const { train, test: val } = await imageFiles(put(folder, 'list.csv', text))
      const rows = ({ targets, length, classes }: typeof train) =>
        Array.from({ length }, (_, i) => [...targets!.subarray(i * classes.length, (i + 1) * classes.length)].join(''))
      return { train, val, rows }
    }

    test('between bars, as in ChestX-ray14; none is allowed', async () => {
      const { train, val, rows } = await read(
        'path,label,split\na.jpg,Mass|Edema,train\nb.jpg,,train\nc.jpg, Hernia | Mass ,train\nd.jpg,Edema,val\n',
      )
      expect(train.classes).toEqual(['Edema', 'Hernia', 'Mass'])
      expect([rows(train), rows(val)]).toEqual([['101', '000', '011'], ['100']])
      expect([...train.labels]).toEqual([2, 0, 1])
    })

    test('a column "labels" says so even where each image has one', async () => {
      const { train, rows } = await read('path,Labels,split\na.jpg,x,train\nb.jpg,y,train\nc.jpg,y,val\n')
      expect(rows(train)).toEqual(['10', '01'])
    })

    test('a column of 0 and 1 for each class, in their order', async () => {
      const { train, val, rows } = await read('path,split,Zebra,"Ape, great"\na.jpg,train,1,0.0\nb.jpg,test,1.0,1\n')
      expect(train.classes).toEqual(['Zebra', 'Ape, great'])
      expect([rows(train), rows(val)]).toEqual([['10'], ['11']])
    })

    test('without splits has a tenth set aside, of each first class', async () => {
      const lines = Array.from({ length: 60 }, (_, i) => `${i}.jpg,${['a', 'a|b', ''][i % 3]}`)
      const { train, val } = await read(`path,label\n${lines.join('\n')}\n`)
      expect([train.length, val.length]).toEqual([54, 6])
      expect(train.targets).toHaveLength(108)
    })

    test('are limited, taken and loaded with their images', async () => {
      const { train, rows } = await read(
        'path,labels,split\na.jpg,x|y,train\nb.jpg,y,train\nc.jpg,,train\nd.jpg,x,val\n',
      )
      expect(rows(limitDataset(train, 2))).toEqual(['11', '00'])
      expect(rows(takeImages(train, [2, 0]))).toEqual(['00', '11'])
    })

    test('for a network, in its order', async () => {
      const folder = await temporaryFolder()
      const list = (text: string) => put(folder, 'list.csv', text)
      const classes = ['b', 'a', 'c']
      const { targets } = await testImageFiles(list('path,split,a,b,c\nx.jpg,val,1,0,0\ny.jpg,val,0,1,1\n'), {
        classes,
      })
      expect([...targets!]).toEqual([0, 1, 0, 1, 0, 1])
      await expect(testImageFiles(list('path,split,a,b\nx.jpg,val,1,0\n'), { classes })).rejects.toThrow(
        `has no column for the network's class "c"`,
      )
      await expect(testImageFiles(list('path,split,a,b,c,d\nx.jpg,val,1,0,0,1\n'), { classes })).rejects.toThrow(
        'has the label "d", which the network does not know',
      )
    })

    test.each([
      ['path,a,b\nx.jpg,1,1\ny.jpg,1,?\n', 'has "?" for the class "b", expected 1, 0, -1 or nothing'],
      ['path,a,b\nx.jpg,-1.0,1\n', 'line 2 of'],
      ['path,label,labels\nx.jpg,a,b\n', 'has a column "label" and a column "labels"'],
      ['path,label\nx.jpg,a||b\n', 'has an empty label in "a||b"'],
      ['path,labels\nx.jpg,\n', 'names no class'],
      ['path,a,a\nx.jpg,1,1\n', 'has two columns "a"'],
      ['path,,b\nx.jpg,1,1\n', 'has a column without a name'],
      ['path,label,file\nx.jpg,a|b,\n,c,\n', 'line 3 of'],
    ])('%j is refused', async (text, message) => {
      await expect(read(text)).rejects.toThrow(message)
      await expect(read(text)).rejects.toMatchObject({ code: 'usage' })
    })
  })

  test.each([
    ['a.jpg,cat\n', 'has no column "path"'],
    ['path\na.jpg\n', 'has no column "label"'],
    ['path,label\na.jpg\n', 'is no CSV list: Invalid Record Length'],
    ['path,label\n"a.jpg,cat\n', 'is no CSV list: Quote Not Closed'],
    ['path,label\n,cat\n', 'line 2 of'],
    ['path,label,split\na.jpg,cat,training\nb.jpg,cat,maybe\n', 'has the split "maybe"'],
    ['path,label\n', 'lists no images'],
    ['', 'has no column "path"'],
  ])('%j is refused', async (text, message) => {
    const list = put(await temporaryFolder(), 'list.csv', text)
    await expect(imageFiles(list)).rejects.toThrow(message)
    await expect(imageFiles(list)).rejects.toMatchObject({ code: 'usage' })
  })

  test('any text: a data set or a usage error', async () => {
    const folder = await temporaryFolder()
    const cell = fc.constantFrom(
      'path',
      'label',
      'split',
      'a.jpg',
      'cat',
      'train',
      'val',
      'labels',
      '1',
      '0',
      '|',
      '"',
      ',',
      '\n',
      '\0',
      '=',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(cell, fc.string())), async cells => {
        const list = put(folder, 'list.csv', cells.join(''))
        await imageFiles(list).catch(error => expect(error).toMatchObject({ name: 'DenseNetError', code: 'usage' }))
      }),
    )
  })
})

describe('batches from files', () => {
  async function batchesOf(folder: string, options: Partial<LoaderOptions> & { split?: 'train' | 'test' } = {}) {
    const { split = 'train', ...rest } = options
    const loader = createLoader((await imageFiles(folder, { size: 24 }))[split], {
      batchSize: 4,
      seed: 3,
      shuffle: true,
      workers: 0,
      augmentation: imagenetTransforms(24),
      ...rest,
    })
    try {
      const batches = []
      for await (const batch of loader.epoch(1)) {
        const { index, size, images, labels, indices } = batch
        batches.push({ index, size, images: [...images], labels: [...labels], indices: [...indices] })
      }
      return batches
    } finally {
      await loader.dispose()
    }
  }

  test('are the same for any number of workers', async () => {
    const folder = await temporaryFolder()
    await putClasses(join(folder, 'train'), { a: 5, b: 6 })
    await putClasses(join(folder, 'val'), { a: 1 })
    const expected = await batchesOf(folder)
    expect(expected.map(({ size }) => size)).toEqual([4, 4, 3])
    expect(expected.flatMap(({ indices }) => indices).sort((x, y) => x - y)).toEqual([...Array(11).keys()])
    for (const workers of [1, 3]) expect(await batchesOf(folder, { workers })).toEqual(expected)
    expect(await batchesOf(folder, { seed: 4 })).not.toEqual(expected)
  })

  test('for evaluation: scaled, cut out, normalised; with views, several of each image', async () => {
    const folder = await temporaryFolder()
    // Left half white, right half black: twice as wide as high, the middle of it is cut out.
    const picture = await halves(48, 24, [255, 255, 255], [0, 0, 0]).png().toBuffer()
    put(folder, 'train/a/1.png', picture)
    put(folder, 'train/b/1.png', picture)
    put(folder, 'val/a/1.png', picture)
    put(folder, 'val/a/2.png', picture)
    const plain = { split: 'test', shuffle: false, augmentation: undefined } as const
    const [single] = await batchesOf(folder, plain)
    expect(single!.size).toBe(2)
    expect(single!.images[0]).toBeCloseTo((1 - 0.485) / 0.229, 5)
    expect(single!.images[23]).toBeCloseTo((0 - 0.485) / 0.229, 5)
    const flips = await batchesOf(folder, { ...plain, views: VIEWS.flip })
    expect(flips.map(({ size, indices }) => [size, indices])).toEqual([[4, [0, 0, 1, 1]]])
    const pixels = 3 * 24 * 24
    const [first, second] = [flips[0]!.images.slice(0, pixels), flips[0]!.images.slice(pixels, 2 * pixels)]
    expect(first).toEqual(single!.images.slice(0, pixels))
    expect(second!.slice(0, 24)).toEqual(first!.slice(0, 24).reverse())
    const ten = await batchesOf(folder, { ...plain, views: VIEWS.ten })
    expect(ten.map(({ size, indices }) => [size, new Set(indices)])).toEqual([
      [10, new Set([0])],
      [10, new Set([1])],
    ])
  })

  test('leave out files that cannot be decoded, which are reported once, up to a limit', async () => {
    const folder = await temporaryFolder()
    await putClasses(join(folder, 'train'), { a: 6 })
    put(folder, 'train/b/bad.jpg', 'no image')
    put(folder, 'train/b/gone.jpg', await halves(9, 9).jpeg().toBuffer())
    await putClasses(join(folder, 'val'), { a: 1 })
    const { train } = await imageFiles(folder, { size: 24 })
    rmSync(join(folder, 'train/b/gone.jpg'))
    for (const workers of [0, 2]) {
      const warnings: string[] = []
      const onWarning = (message: string) => warnings.push(message)
      const loader = createLoader(train, { batchSize: 2, seed: 1, shuffle: false, workers, onWarning })
      for (let epoch = 0; epoch < 2; epoch++) {
        const batches = []
        for await (const { index, indices } of loader.epoch(epoch)) batches.push([index, ...indices])
        // Both files of the last batch are unreadable: it does not come.
        expect(batches).toEqual([
          [0, 0, 1],
          [1, 2, 3],
          [2, 4, 5],
        ])
      }
      expect(warnings.map(text => text.replace(folder, ''))).toEqual([
        '/train/b/bad.jpg is skipped: it is no image of a known format',
        '/train/b/gone.jpg is skipped: it does not exist',
      ])
      await loader.dispose()
    }
    for (let i = 0; i < 6; i++) put(folder, `train/a/${i}.png`, 'ruined')
    await expect(batchesOf(folder)).rejects.toThrow(
      /^more than 5 of the 7 train images of .* cannot be read; the last is /,
    )
    rmSync(join(folder, 'train'), { recursive: true })
    const loader = createLoader(takeImages(train, [0, 1]), { batchSize: 8, seed: 1, shuffle: false, workers: 0 })
    const loop = async () => {
      for await (const _ of loader.epoch(0));
    }
    await expect(loop()).rejects.toThrow(
      /^none of the 2 train images of .* can be read; the last is .*: it does not exist/,
    )
  })

  test('transforms that end in another size are refused', async () => {
    const folder = await temporaryFolder()
    await putClasses(folder, { a: 2, b: 2 })
    const options = { augmentation: [{ kind: 'horizontalFlip', probability: 0.5 }] } as const
    await expect(batchesOf(folder, options)).rejects.toThrow(
      /make images of 36 x 4[01], the network reads 24 x 24: end them with a crop/,
    )
    await expect(batchesOf(folder, { augmentation: [{ kind: 'twirl' }] as never })).rejects.toThrow(
      'expected transforms (see the type Transform) for augmentation, got {"kind":"twirl"}',
    )
    await expect(batchesOf(folder, { views: VIEWS.flip })).rejects.toThrow('views are for evaluation')
  })
})

test('a part of a data set has its files, labels and images', async () => {
  const folder = await temporaryFolder()
  await putClasses(join(folder, 'train'), { a: 3, b: 3 })
  await putClasses(join(folder, 'val'), { a: 1 })
  const { train } = await imageFiles(folder)
  const taken = takeImages(train, [4, 1])
  expect([taken.files.map(file => basename(file)), [...taken.labels], taken.length]).toEqual([
    ['1.png', '1.png'],
    [1, 0],
    2,
  ])
  expect(limitDataset(train, 4)).toMatchObject({ length: 4, files: [0, 2, 3, 5].map(i => train.files[i]) })
  expect(limitDataset(train, 4, 'order')).toMatchObject({ length: 4, files: train.files.slice(0, 4) })
  expect(limitDataset(train, null)).toBe(train)
})
