// The queue before the network: what goes together, what waits, what is dropped.
import { setMaxListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { Batcher, type Question } from '../../dist/server/batcher.js'

const never = new AbortController().signal
setMaxListeners(0, never)
const image = (value: number): Float32Array => Float32Array.of(value, value)

/** A network that answers each image with its first number, times ten, when it is told to. */
function network(options: { batchSize?: number; maxWaitMilliseconds?: number } = {}) {
  const batches: [Question, number[]][] = []
  let release: (() => void) | null = null
  let fail: Error | null = null
  const batcher = new Batcher({
    batchSize: 3,
    maxWaitMilliseconds: 0,
    imageSize: 2,
    ...options,
    onBatch: () => {},
    async run(question, images, size) {
      batches.push([question, Array.from({ length: size }, (_, i) => images[2 * i]!)])
      const values = Float32Array.from({ length: size }, (_, i) => 10 * images[2 * i]!)
      await new Promise<void>(resolve => {
        release = resolve
      })
      if (fail) throw fail
      return values
    },
  })
  const finish = async (error: Error | null = null): Promise<void> => {
    while (release === null) await new Promise(resolve => setTimeout(resolve, 1))
    fail = error
    release()
    release = null
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  const ask = (value: number, question: Question = 'classify', signal = never) =>
    batcher.ask(question, image(value), signal).then(
      answer => [...answer],
      (error: Error) => error.message,
    )
  return { batcher, batches, finish, ask }
}

describe('a batcher', () => {
  test('gathers what comes while the network works, in order, up to the batch size', async () => {
    const { batches, finish, ask } = network()
    const answers = [1, 2, 3, 4, 5].map(value => ask(value))
    for (let i = 0; i < 3; i++) await finish()
    expect(await Promise.all(answers)).toEqual([[10], [20], [30], [40], [50]])
    expect(batches.map(([, values]) => values)).toEqual([[1], [2, 3, 4], [5]])
  })

  test('an idle network waits for company, but not when the batch is full', async () => {
    const { batches, finish, ask } = network({ maxWaitMilliseconds: 60_000 })
    const first = ask(1)
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(batches).toEqual([])
    const others = [ask(2), ask(3)]
    await finish()
    expect(await Promise.all([first, ...others])).toEqual([[10], [20], [30]])
    expect(batches).toEqual([['classify', [1, 2, 3]]])
  })

  test('waits no longer than it is told', async () => {
    const { batches, finish, ask } = network({ maxWaitMilliseconds: 10 })
    const answer = ask(1)
    await finish()
    expect(await answer).toEqual([10])
    expect(batches).toHaveLength(1)
  })

  test('different questions do not share a batch', async () => {
    const { batches, finish, ask } = network({ maxWaitMilliseconds: 5 })
    const answers = [ask(1), ask(2, 'features'), ask(3)]
    await finish()
    await finish()
    expect(await Promise.all(answers)).toEqual([[10], [20], [30]])
    expect(batches).toEqual([
      ['classify', [1, 3]],
      ['features', [2]],
    ])
  })

  test('drops what nobody waits for any more', async () => {
    const { batcher, batches, finish, ask } = network()
    const first = ask(1)
    const controller = new AbortController()
    const gone = ask(2, 'classify', controller.signal)
    const third = ask(3)
    expect(batcher.waiting).toBe(2)
    controller.abort(new Error('gone'))
    expect(batcher.waiting).toBe(1)
    await finish()
    await finish()
    expect(await Promise.all([first, gone, third])).toEqual([[10], 'gone', [30]])
    expect(batches.map(([, values]) => values)).toEqual([[1], [3]])
    expect(await ask(4, 'classify', AbortSignal.abort(new Error('too late')))).toBe('too late')
  })

  test('a failure is that of its batch alone', async () => {
    const { finish, ask } = network()
    const first = ask(1)
    const second = ask(2)
    await finish(new Error('broken'))
    await finish()
    expect(await Promise.all([first, second])).toEqual(['broken', [20]])
  })

  test('closing waits for the batch that runs, and refuses the rest', async () => {
    const { batcher, finish, ask } = network()
    const first = ask(1)
    const second = ask(2)
    const closed = batcher.close()
    await finish()
    await closed
    expect(await Promise.all([first, second])).toEqual([[10], 'the network was disposed of'])
    expect(await ask(3)).toBe('the network was disposed of')
  })
})
