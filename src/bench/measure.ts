// Measures in a process of its own, since the peak of a process's memory never falls again: each work has its own figure.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { DenseNetError, type ErrorCode } from '../errors.js'
import { completeWork, type Measurement, type Work } from './work.js'

const PROCESS = fileURLToPath(new URL('./measure-process.js', import.meta.url))

/** What the process prints. */
export type Answer =
  | { readonly measurement: Measurement }
  | { readonly error: { readonly message: string; readonly hint?: string | undefined; readonly code: ErrorCode } }

/** Time and memory of training or inference of one network on this machine. Its warnings go to standard error. */
export async function measure(work: Work): Promise<Measurement> {
  completeWork(work)
  const child = spawn(process.execPath, [PROCESS, JSON.stringify(work)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    printed += text
  })
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (...end) => resolve(end))
  })
  if (code !== 0 || printed === '') {
    throw new DenseNetError(`measuring ${work.model} ended early (${signal ?? `exit code ${code}`})`, {
      hint: 'when the system ended it, memory was short: use a smaller --batch-size, or --memory recompute',
    })
  }
  const answer = JSON.parse(printed) as Answer
  if ('measurement' in answer) return answer.measurement
  const { message, hint, code: errorCode } = answer.error
  throw new DenseNetError(message, { code: errorCode, ...(hint === undefined ? {} : { hint }) })
}
