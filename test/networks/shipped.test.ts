// The network in the package: it opens at once, says what it is, and knows CIFAR-10's classes when it sees them.
import { readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, describe, expect, test } from 'vitest'
import { DenseNet } from '../../dist/densenet.js'
import { datasetInfo } from '../../dist/images/info.js'
import { resolveConfig } from '../../dist/model/config.js'
import { SHIPPED, shippedErrors } from '../../dist/networks/shipped.js'
import { readCheckpoint } from '../../dist/runs/checkpoint.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const picture = (name: string): string => fileURLToPath(new URL(`./fixtures/cifar10/${name}.png`, import.meta.url))
const { classes, normalisation } = datasetInfo('cifar10')
const network = await DenseNet.load('cifar10')
afterAll(() => network.dispose())

describe('the network in the package', () => {
  test('is small, and holds weights only', async () => {
    expect(statSync(SHIPPED.path).size).toBeLessThan(1e6)
    const { state, progress, recipe } = await readCheckpoint(SHIPPED.path)
    expect([state.training, progress, recipe]).toEqual([{}, null, null])
    expect(JSON.parse(readFileSync(`${root}package.json`, 'utf8')).files).toContain('models')
  })

  test('says what it is', () => {
    expect(network).toMatchObject({ name: 'cifar10', classes, normalisation, preprocessing: null, imported: null })
    const facts = JSON.parse(readFileSync(`${root}models/cifar10/config.json`, 'utf8'))
    expect(resolveConfig(facts.config)).toEqual(network.config)
    expect(facts.recipe.epochs).toBe(readFileSync(`${root}models/cifar10/log.jsonl`, 'utf8').trim().split('\n').length)
  })

  test('states the error of its last epoch, as its README and the list of models do', async () => {
    const last = JSON.parse(readFileSync(`${root}models/cifar10/log.jsonl`, 'utf8').trim().split('\n').at(-1)!)
    const { top1Error, top5Error } = await shippedErrors()
    expect(top1Error).toBeCloseTo(last.test.top1Error, 1)
    expect(top5Error).toBeCloseTo(last.test.top5Error, 1)
    expect(readFileSync(`${root}models/cifar10/README.md`, 'utf8')).toContain(`${top1Error.toFixed(2)} %`)
  })

  test.each(classes)('knows a test image of class %s, and the same ten times as large, as a JPEG', async name => {
    const large = await sharp(picture(name)).resize(480, 320, { fit: 'contain', background: '#888' }).jpeg().toBuffer()
    const [[small], [enlarged]] = (await network.classify([picture(name), large], { top: 1 })) as never[][]
    expect(small).toMatchObject({ label: name, index: classes.indexOf(name) })
    expect(enlarged).toMatchObject({ label: name })
  })
})
