// Training: what to begin with, how, and the curves as they grow.
import { useSignal } from '@preact/signals'
import { metrics } from '../../curves/lines.js'
import { age, duration, error, grouped, plural } from '../../format.js'
import { Charts } from '../charts.js'
import { FileButton } from '../file-button.js'
import { baseFacts, chooseBase, taught, unready } from '../network.js'
import { attempt } from '../notice.js'
import { base, fingerprintOf, history, type Training } from '../project.js'
import { addressOf } from '../route.js'
import { takeIn } from '../take-in.js'
import {
  curves,
  type Going,
  going,
  goOn,
  stopTraining,
  trainClassifier,
  trainWhole,
  USUAL,
  type Wishes,
} from '../trainings.js'

const REGIONS: Readonly<Record<Training['kind'], string>> = { classifier: 'New classifier', whole: 'Fine-tuning' }
const KINDS: Readonly<Record<Training['kind'], string>> = { classifier: 'new classifier', whole: 'whole network' }
const WATCHED = metrics.filter(({ id }) => id === 'loss' || id === 'error')

export function TrainPage() {
  const lacking = unready()
  const last = history.value.at(-1)
  return (
    <>
      <h1 class="visually-hidden">Train</h1>
      <div class={`teaching${going.value === null ? '' : ' busy'}`}>
        <div class="steps">
          <BeginWith />
          <Step
            title="Train a new classifier"
            text="The network stays as it is. What it sees in each picture is computed once; what that means is learnt in seconds."
            kind="classifier"
            disabled={lacking}
            run={trainClassifier}
          />
          <Step
            title="Fine-tune the whole network"
            text="All of its weights learn from your pictures. It takes minutes or more, and helps most with a hundred pictures or more."
            kind="whole"
            disabled={lacking ?? (taught.value === null ? 'Train a classifier first.' : null)}
            run={trainWhole}
          />
          {last?.state === 'stopped' && going.value === null && <Stopped last={last} />}
        </div>
        <div class="watch">
          <Progress now={going.value} />
          <Charts metrics={WATCHED} curves={curves} on="validation" />
          <History />
        </div>
      </div>
    </>
  )
}

function BeginWith() {
  const facts = baseFacts.value
  return (
    <section>
      <h2>Network to begin with</h2>
      {facts && (
        <p>
          <b>{facts.name}</b>
          <span class="soft block">
            {base.value === null ? 'comes with the page, has learnt CIFAR-10; ' : ''}
            sees {facts.size} x {facts.size} pixels, {facts.depth} layers, {grouped(facts.parameters)} parameters
          </span>
        </p>
      )}
      <div class="actions">
        <FileButton
          onFiles={given => takeIn(given.map(one => ({ ...one, folders: [] })))}
          disabled={going.value !== null}
        >
          Other weights …
        </FileButton>
        {base.value !== null && (
          <button type="button" disabled={going.value !== null} onClick={() => attempt(() => chooseBase(null))}>
            The one of the page
          </button>
        )}
      </div>
      <p class="soft">
        A file of PyTorch, timm, Keras, or safetensors, such as densenet121: it sees finer things, and takes longer.
      </p>
    </section>
  )
}

/** Whether the last training was of the pictures as they are. */
const upToDate = (): boolean => history.value.at(-1)?.of === fingerprintOf()

interface StepProps {
  readonly title: string
  readonly text: string
  readonly kind: Training['kind']
  /** Why it cannot be done now. */
  readonly disabled: string | null
  readonly run: (wishes: Wishes) => Promise<void>
}

function Step({ title, text, kind, disabled, run }: StepProps) {
  const epochs = useSignal(USUAL[kind].epochs)
  const learningRate = useSignal(USUAL[kind].learningRate)
  const now = going.value
  const start = (): void => attempt(() => run({ epochs: epochs.value, learningRate: learningRate.value }))
  return (
    <section aria-label={REGIONS[kind]}>
      <h2>{title}</h2>
      <p class="soft">{text}</p>
      <div class="actions">
        {now?.kind === kind ? (
          <button type="button" onClick={stopTraining}>
            Stop
          </button>
        ) : (
          <button
            type="button"
            class={disabled === null && kind === 'classifier' && !upToDate() ? 'main' : ''}
            disabled={disabled !== null || now !== null}
            onClick={start}
          >
            {title}
          </button>
        )}
      </div>
      {disabled !== null && <p class="soft">{disabled}</p>}
      <details>
        <summary>Settings</summary>
        <div class="fields">
          <label>
            Epochs
            <input
              type="number"
              min={1}
              max={1000}
              value={epochs.value}
              onInput={event => {
                epochs.value = event.currentTarget.valueAsNumber
              }}
            />
          </label>
          <label>
            Learning rate
            <input
              type="number"
              min={0.0001}
              max={1}
              step="any"
              value={learningRate.value}
              onInput={event => {
                learningRate.value = event.currentTarget.valueAsNumber
              }}
            />
          </label>
        </div>
      </details>
    </section>
  )
}

function Stopped({ last }: { last: Training }) {
  const changed = last.of !== fingerprintOf()
  return (
    <section>
      <h2>A training was stopped</h2>
      {changed ? (
        <p class="soft">The pictures have changed since; train anew.</p>
      ) : (
        <div class="actions">
          <button type="button" onClick={() => attempt(goOn)}>
            Go on with it
          </button>
        </div>
      )}
    </section>
  )
}

function Progress({ now }: { now: Going | null }) {
  const last = history.value.at(-1)
  if (now === null) {
    if (!last) return <p class="soft">Nothing was trained yet: the curves will be here.</p>
    if (last.error === null) return null
    const right = Math.round((last.heldOut * (100 - last.error)) / 100)
    return (
      <p class="outcome" role="status">
        <b>
          {right} of {last.heldOut}
        </b>{' '}
        held-out pictures right.{' '}
        {upToDate() ? (
          <a href={addressOf('check')}>Look at the mistakes</a>
        ) : (
          <span class="stale">The pictures have changed since: train again.</span>
        )}
      </p>
    )
  }
  const { features, epoch, epochs, backend } = now
  const done = features ? features.done / features.all : now.share
  const text = features
    ? `Computing features: ${features.done} of ${plural(features.all, 'picture')}`
    : backend === ''
      ? 'Getting ready …'
      : `Epoch ${epoch} of ${epochs}`
  return (
    <div class="progress">
      <span role="status">{text}</span> <span class="soft">{backend}</span>
      <progress max={1} value={done} aria-label={text} />
    </div>
  )
}

function History() {
  if (history.value.length === 0) return null
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <section class="wide" tabIndex={0} aria-label="Trainings">
      <table>
        <caption>Trainings</caption>
        <thead>
          <tr>
            <th class="text">trained</th>
            <th class="text">when</th>
            <th>pictures</th>
            <th>held out</th>
            <th>epochs</th>
            <th>time</th>
            <th>error</th>
          </tr>
        </thead>
        <tbody>
          {history.value.toReversed().map(one => (
            <tr key={one.run}>
              <th>{KINDS[one.kind]}</th>
              <td class="text">{age(Date.now() - one.begun)} ago</td>
              <td>{one.pictures}</td>
              <td>{one.heldOut}</td>
              <td>{one.epochs}</td>
              <td>{one.seconds === null ? '–' : duration(one.seconds)}</td>
              <td>{one.state === 'done' ? error(one.error) : one.state}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
