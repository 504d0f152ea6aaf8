// What a run's network gets right and wrong: evaluated on demand on the test images, by a process beside the server.
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import {
  type ApiError,
  ask,
  type CheckpointName,
  type Evaluation,
  type EvaluationState,
  type PixelEvaluation,
  type RunSummary,
} from '../api.js'
import { Findings } from '../evaluation/findings.js'
import { PixelFindings } from '../evaluation/pixel-findings.js'
import { Failed } from '../failed.js'
import { age, grouped } from '../format.js'
import { clock } from '../live.js'
import { Now } from '../now.js'

const ASK_MILLISECONDS = 400
const CHECKPOINTS: readonly (readonly [CheckpointName, string])[] = [
  ['last', 'the last one'],
  ['best', 'the best one'],
]

export function EvaluationPage({ run }: { run: RunSummary }) {
  const checkpoint = useSignal<CheckpointName>('last')
  const state = useSignal<EvaluationState | null>(null)
  const failure = useSignal<ApiError | null>(null)
  const tell = async (method: 'GET' | 'POST' | 'DELETE'): Promise<void> => {
    const wanted = checkpoint.value
    try {
      const answer = await ask<EvaluationState>('evaluation', { run: run.id, checkpoint: wanted }, { method })
      if (wanted === checkpoint.value) state.value = answer
      failure.value = null
    } catch (error) {
      failure.value = error as ApiError
    }
  }
  useEffect(() => {
    state.value = null
    void tell('GET')
  }, [checkpoint.value])
  const running = state.value?.state === 'running'
  useEffect(() => {
    if (!running) return
    const timer = setInterval(() => void tell('GET'), ASK_MILLISECONDS)
    return () => clearInterval(timer)
  }, [running])
  return (
    <>
      <h1 class="visually-hidden">Evaluation of {run.id}</h1>
      <Now run={run} />
      <div class="toolbar">
        <label>
          checkpoint
          <select
            value={checkpoint.value}
            onChange={event => {
              checkpoint.value = event.currentTarget.value as CheckpointName
            }}
          >
            {CHECKPOINTS.map(([name, title]) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        </label>
        {running ? (
          <button type="button" onClick={() => void tell('DELETE')}>
            Stop
          </button>
        ) : (
          <button type="button" class={state.value?.state === 'done' ? '' : 'main'} onClick={() => void tell('POST')}>
            {state.value?.state === 'done' ? 'Evaluate again' : 'Evaluate'}
          </button>
        )}
        <Progress state={state.value} />
      </div>
      {failure.value && <Failed failure={failure.value} />}
      {state.value?.state === 'failed' && <Failed failure={state.value.failure} />}
      {state.value?.state === 'none' && (
        <p class="soft">
          Not evaluated yet. All test images of {run.dataset} are shown to the network; a running training is slowed a
          little meanwhile.
        </p>
      )}
      {state.value?.state === 'done' && (
        <Found evaluation={state.value.evaluation} best={checkpoint.value === 'best'} />
      )}
    </>
  )
}

const Found = ({ evaluation, best }: { evaluation: Evaluation | PixelEvaluation; best: boolean }) =>
  'pictures' in evaluation ? (
    <PixelFindings evaluation={evaluation} best={best} />
  ) : (
    <Findings evaluation={evaluation} best={best} />
  )

function Progress({ state }: { state: EvaluationState | null }) {
  if (state?.state === 'running') {
    const { stage, images, of } = state
    return (
      <span role="status">
        <progress max={of || 1} {...(of > 0 ? { value: images } : {})} aria-label="Evaluation" /> {stage}
        {of > 0 && ` ${grouped(images)} of ${grouped(of)}`}
      </span>
    )
  }
  if (state?.state !== 'done') return null
  const { made, epoch } = state.evaluation
  return (
    <span class={state.stale ? 'stale' : 'soft'}>
      {epoch !== null && `after epoch ${epoch}, `}made {age(clock.value - made)} ago
      {state.stale && '; the checkpoint is a newer one now'}
    </span>
  )
}
