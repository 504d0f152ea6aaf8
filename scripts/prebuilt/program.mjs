// What scripts/test-prebuilt.mjs runs elsewhere: the network that comes with the package looks at images, and one learns for a step.
// Prints one line of JSON. Images are drawn: decoders would need builds for each system, too.
import { fileURLToPath } from 'node:url'
import { createNativeBackend } from '../../dist/backends/native/backend.js'
import { DenseNet } from '../../dist/densenet.js'
import { limitDataset } from '../../dist/images/dataset.js'
import { syntheticDataset } from '../../dist/images/synthetic.js'

const on = createNativeBackend({ threads: 2 })
const images = limitDataset(syntheticDataset('test'), 32)
const shipped = await DenseNet.load(fileURLToPath(new URL('../../models/cifar10/model.safetensors', import.meta.url)))
const answers = await shipped.evaluate(images, { on, loaderThreads: 0 })
const learner = DenseNet.create('densenet-bc-16-4', { classes: 10, seed: 1 })
const step = { on, epochs: 1, batchSize: 32, loaderThreads: 0 }
await learner.fit(limitDataset(syntheticDataset('train'), 32), step)
const learned = await learner.evaluate(images, { on, loaderThreads: 0 })
console.log(JSON.stringify({ backend: on.description, losses: [answers.loss, learned.loss] }))
on.dispose()
