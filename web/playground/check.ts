// What the network that was taught says of the held-out pictures.
import { signal } from '@preact/signals'
import { makeReport } from '../../src/evaluation/report.js'
import { scorePredictions } from '../../src/evaluation/scores.js'
import type { Evaluation } from '../api.js'
import { type Heat, heatOf } from './heat.js'
import { compute, inOrder, setsFor, taught } from './network.js'
import { addressOf } from './picture.js'
import { fingerprintOf, projectName } from './project.js'

export interface Checked {
  readonly evaluation: Evaluation
  /** Of the wrong answers, the surest first: where the network saw what it said. */
  readonly heats: readonly Heat[]
  /** To tell whether it is still so. */
  readonly network: object
  readonly of: string
}

export const checked = signal<Checked | null>(null)
export const checking = signal(false)

/** Does it where it is not done yet. */
export async function check(): Promise<void> {
  const network = taught.value
  const known = checked.value
  if (!network || checking.value || (known?.network === network && known.of === fingerprintOf())) return
  checking.value = true
  try {
    const { heldOut } = setsFor(network)
    const images = inOrder(true).map(({ image }) => image)
    const predictions = await network.predict(heldOut, compute)
    const facts = { path: projectName.value, network: network.name, views: 'single', training: null } as const
    const report = makeReport(facts, heldOut, predictions, scorePredictions(predictions, network.classes))
    const thumbnails = report.worst.map(({ index }) => addressOf(images[index]!))
    const heats: Heat[] = []
    for (const { index, predicted } of report.worst) {
      heats.push(heatOf(await network.gradCam(images[index]!, compute), predicted))
    }
    const evaluation: Evaluation = { report, thumbnails, epoch: null, made: Date.now() }
    checked.value = { evaluation, heats, network, of: fingerprintOf() }
  } finally {
    checking.value = false
  }
}
