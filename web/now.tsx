// A run in one line: what it is and where it stands now.
import { judgedBy } from '../src/training/judged.js'
import type { RunSummary } from './api.js'
import { age, bytes, duration, figure, rounded, short, standing } from './format.js'
import { clock } from './live.js'
import { STATE_MARKS } from './run-rail.js'

export function Now({ run }: { run: RunSummary }) {
  const { id, state, model, dataset, parameters, epochs, epochsDone, batchesPerEpoch, now, last, best, on } = run
  const running = state === 'running' && now !== null
  const facts: [string, string][] = [
    ['state', `${STATE_MARKS[state]} ${state}`],
    ['epoch', `${running ? now.epoch : epochsDone}/${epochs}`],
    ...(running && now.batch < batchesPerEpoch
      ? [['step', `${now.batch}/${batchesPerEpoch}`] as [string, string]]
      : []),
    ...(last ? [[`${on} ${judgedBy(last).name}`, standing(last)] as [string, string]] : []),
    ...(best ? [[judgedBy(best).best, `${standing(best)} at ${best.epoch}`] as [string, string]] : []),
    ...(running
      ? pace(now, run.secondsLeft)
      : [['ended', `${age(clock.value - run.updated)} ago`] as [string, string]]),
  ]
  return (
    <section class="now" aria-label={`Where ${id} stands`}>
      <div class="what">
        <strong>{id === '.' ? 'this folder' : id}</strong>
        <span class="soft">
          {model} on {dataset}
          {parameters !== null && `, ${short(parameters)} parameters`}
        </span>
      </div>
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class={name === 'state' ? `state ${state}` : ''}>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

function pace(now: NonNullable<RunSummary['now']>, secondsLeft: number | null): [string, string][] {
  return [
    ['loss', figure(now.loss)],
    ['learning rate', figure(now.learningRate)],
    ['images/s', rounded(now.imagesPerSecond)],
    ...(now.memoryBytes === null ? [] : [['memory', bytes(now.memoryBytes)] as [string, string]]),
    ...(secondsLeft === null ? [] : [['left', duration(secondsLeft)] as [string, string]]),
  ]
}
