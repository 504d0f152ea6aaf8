// How a run ended: its errors, honestly named, what it took, where things are, what can be done next.
import { join } from 'node:path'
import { BEST_FILE, LOG_FILE } from '../entries/runs.js'
import { judgedBy } from '../entries/training.js'
import type { EpochScore, TrainingResult } from '../index.js'
import { duration, percent, quoted, rounded, table } from './format.js'
import type { Effort } from './progress.js'
import { figure } from './scores.js'

/** `tested`: what the test images say of the epoch that others chose; none: there are no test images. `next`: lines of what to do next, where a
 * command knows better. */
export function lastWords(
  result: TrainingResult,
  folder: string,
  effort: Effort | null,
  tested: EpochScore | 'none' | null = null,
  next = nextSteps(result, folder, tested),
): string[] {
  const { stopped, progress } = result
  if (stopped) {
    return [
      `saved ${folder} at epoch ${progress.epoch}, step ${progress.nextBatch}`,
      `    go on with: densenet train --resume ${quoted(folder)}`,
    ]
  }
  const files = result.best === null ? LOG_FILE : `${LOG_FILE}, weights of the ${extreme(result.best)} in ${BEST_FILE}`
  return [...errors(result, folder, tested), ...cost(effort), `saved in ${folder}: ${files}`, ...next]
}

/** "lowest error" */
function extreme(score: EpochScore): string {
  const { name, best } = judgedBy(score)
  return `${best} ${name}`
}

function errors(
  { early, final, best, progress, heldOut }: TrainingResult,
  folder: string,
  tested: EpochScore | 'none' | null,
): string[] {
  const which = heldOut ? 'validation' : 'test'
  const lines: string[] = []
  if (early && best) {
    const { name, best: extreme } = judgedBy(best)
    lines.push(`ended after epoch ${progress.epoch - 1}: the ${name} was ${extreme} after epoch ${best.epoch}`)
  }
  if (final) {
    lines.push(`final ${which} ${figures(final)} after epoch ${final.epoch}`)
  }
  if (best && best.epoch !== final?.epoch) {
    const picked = heldOut ? 'images' : 'images, so optimistic'
    lines.push(`best ${which} ${figure(best)} after epoch ${best.epoch}: picked on the ${which} ${picked}`)
  }
  if (tested === 'none') return lines
  if (tested) {
    lines.push(`test ${figures(tested)} of epoch ${tested.epoch}: chosen by the validation images alone`)
  } else if (final && heldOut) {
    lines.push(`the test images have had no say: densenet test ${quoted(join(folder, BEST_FILE))}`)
  }
  return lines
}

function figures(score: EpochScore): string {
  const { top1Error, top5Error, meanAveragePrecision, meanAuc, meanIou } = score
  if (meanIou !== undefined) return figure(score)
  if (meanAveragePrecision === undefined) return `${figure(score)} (top-5 ${percent(top5Error)})`
  return `${figure(score)} (AUC ${meanAuc?.toFixed(3) ?? '–'}, subset error ${percent(top1Error)})`
}

function cost(effort: Effort | null): string[] {
  if (effort === null) return []
  const { seconds, testSeconds, imagesPerSecond } = effort
  const testing = testSeconds > 0 ? `, ${duration(testSeconds)} of it testing` : ''
  return [`took ${duration(seconds)}${testing}; ${rounded(imagesPerSecond)} images/s in training`]
}

function nextSteps({ heldOut }: TrainingResult, folder: string, tested: EpochScore | 'none' | null): string[] {
  const run = quoted(folder)
  const rows = [
    ...(heldOut && tested !== 'none' ? [] : [[`densenet test ${run} --report report`, 'where it errs']]),
    [`densenet convert ${run} model.onnx`, 'for other programs'],
  ]
  const lines = table(rows, [false, false]).split('\n')
  return ['next', ...lines.map(line => `    ${line}`)]
}
