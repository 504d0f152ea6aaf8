// The process that measure() starts: one work in, one line of JSON out.
import { DenseNetError } from '../errors.js'
import type { Answer } from './measure.js'
import { measureHere } from './measure-here.js'
import type { Work } from './work.js'

const onWarning = (message: string): unknown => process.stderr.write(`warning: ${message}\n`)

async function answer(work: Work): Promise<Answer> {
  try {
    return { measurement: await measureHere(work, { onWarning }) }
  } catch (error) {
    if (!(error instanceof DenseNetError)) throw error
    const { message, hint, code } = error
    return { error: { message, hint, code } }
  }
}

process.stdout.write(`${JSON.stringify(await answer(JSON.parse(process.argv[2]!) as Work))}\n`)
