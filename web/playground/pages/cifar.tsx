// For the curious: a network that has seen nothing yet learns CIFAR-10, in this tab.
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { metrics } from '../../curves/lines.js'
import { error, rounded } from '../../format.js'
import { Charts } from '../charts.js'
import {
  cifarCurves,
  cifarError,
  cifarGoing,
  goOnWithCifar,
  loading,
  lookForCifar,
  NETWORK,
  openCifarRun,
  served,
  sets,
  standing,
  stopCifar,
  takeChosen,
  takeServed,
  trainCifar,
} from '../cifar.js'
import { FileButton } from '../file-button.js'
import { attempt } from '../notice.js'

const DRAWN = metrics.filter(({ id }) => id !== 'memory')
const IMAGES = [2_000, 10_000, 50_000] as const

export function CifarPage() {
  const images = useSignal<number>(IMAGES[0])
  const epochs = useSignal(10)
  useEffect(() => {
    attempt(openCifarRun)
    attempt(lookForCifar)
  }, [])
  const now = cifarGoing.value
  const ready = sets.value !== null
  return (
    <>
      <h1>CIFAR-10 from the beginning</h1>
      <p class="prose">
        {NETWORK} and 60,000 small photographs of ten kinds of things: nothing is known before, all is learnt here.
        Close the tab, and it goes on when you are back.
      </p>
      {!ready && (
        <section class="prose">
          <h2>The images</h2>
          <p class="soft">
            Their home, cs.toronto.edu/~kriz/cifar.html, lets people fetch cifar-10-binary.tar.gz (170 MB), but not
            other sites’ pages.{' '}
            {served.value ? 'The machine that serves this page has them.' : 'Fetch it there, and choose it here.'}
          </p>
          <div class="actions">
            {served.value && (
              <button type="button" class="main" disabled={loading.value !== null} onClick={() => attempt(takeServed)}>
                Take them from this machine
              </button>
            )}
            <FileButton
              multiple
              main={!served.value}
              accept=".gz,.tgz,.bin"
              disabled={loading.value !== null}
              onFiles={takeChosen}
            >
              Choose the archive …
            </FileButton>
          </div>
          <p role="status">{loading.value}</p>
        </section>
      )}
      {ready && (
        <div class="toolbar start">
          <label>
            Training images
            <select
              value={images.value}
              disabled={now !== null}
              onChange={event => {
                images.value = Number(event.currentTarget.value)
              }}
            >
              {IMAGES.map(count => (
                <option key={count} value={count}>
                  {count.toLocaleString('en-US')}
                </option>
              ))}
            </select>
          </label>
          <label>
            Epochs
            <input
              type="number"
              min={1}
              max={300}
              value={epochs.value}
              disabled={now !== null}
              onInput={event => {
                epochs.value = event.currentTarget.valueAsNumber
              }}
            />
          </label>
          {now !== null ? (
            <button type="button" onClick={stopCifar}>
              Stop
            </button>
          ) : (
            <>
              {standing.value && (
                <button type="button" class="main" onClick={() => attempt(goOnWithCifar)}>
                  Go on
                </button>
              )}
              <button
                type="button"
                class={standing.value ? '' : 'main'}
                onClick={() => attempt(() => trainCifar(images.value, epochs.value))}
              >
                {standing.value ? 'Begin anew' : 'Train'}
              </button>
            </>
          )}
        </div>
      )}
      {now && (
        <div class="progress">
          <span role="status">{now.backend === '' ? 'Getting ready …' : `Epoch ${now.epoch} of ${now.epochs}`}</span>{' '}
          <span class="soft">
            {now.imagesPerSecond > 0 && `${rounded(now.imagesPerSecond)} images/s, `}
            {now.backend}
          </span>
          <progress max={1} value={now.share} aria-label={`Epoch ${now.epoch} of ${now.epochs}`} />
        </div>
      )}
      {cifarError.value !== null && (
        <p>
          Error on test images: <b>{error(cifarError.value)}</b>
        </p>
      )}
      {cifarCurves.version.value > 0 && cifarCurves.steps > 0 && (
        <Charts metrics={DRAWN} curves={cifarCurves} on="test" />
      )}
    </>
  )
}
