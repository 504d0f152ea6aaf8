// Posts each epoch of a training to an HTTP service, as JSON. The training never waits for the network: requests are sent
// one after another beside it; one that fails is told and left out.
//   node examples/post-events.ts http://127.0.0.1:8000/epochs        (Node 22.18 or newer; else: npx tsx examples/post-events.ts ...)
import { DenseNet, synthetic, type TrainingListener } from 'densenet'

const SECONDS = 10

/** A listener for `onEvent`, and a promise of when all that it sent is answered. */
export function postEpochs(url: string): { readonly onEvent: TrainingListener; done(): Promise<void> } {
  let sent: Promise<void> = Promise.resolve()
  const post = async (body: object): Promise<void> => {
    try {
      const headers = { 'content-type': 'application/json' }
      const signal = AbortSignal.timeout(1000 * SECONDS)
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal })
      if (!answer.ok) console.error(`${url} answered ${answer.status}`)
    } catch (error) {
      console.error(`${url} cannot be reached: ${error instanceof Error ? error.message : error}`)
    }
  }
  return {
    onEvent: event => {
      if (event.type !== 'epoch' && event.type !== 'end') return
      sent = sent.then(() => post({ time: new Date().toISOString(), ...event }))
    },
    done: () => sent,
  }
}

if (process.argv[1] === import.meta.filename) {
  const [url] = process.argv.slice(2)
  if (url === undefined) throw new Error('give the address to post to')
  const { train, test } = synthetic()
  const poster = postEpochs(url)
  using model = DenseNet.create({ depth: 10, growthRate: 4, classes: 10 })
  await model.fit(train, { validation: test, epochs: 3, trainLimit: 512, testLimit: 128, onEvent: poster.onEvent })
  await poster.done()
}
