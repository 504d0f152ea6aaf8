// The network before the camera, or on any picture: what it says, and where it sees it.
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { ImageInput } from '../../../src/entries/browser.js'
import type { GradCam } from '../../../src/inspect/class-maps.js'
import { share } from '../../format.js'
import { Camera, squareOf, useVideo } from '../camera.js'
import { tried } from '../current.js'
import { FileButton } from '../file-button.js'
import { HeatLayer, heatOf } from '../heat.js'
import { compute, taught } from '../network.js'
import { attempt, complain } from '../notice.js'
import { addressOf as pictureAddress } from '../picture.js'
import { addressOf } from '../route.js'
import { takeIn } from '../take-in.js'
import { going } from '../trainings.js'

/** Pixels of the camera's square that are sent to the network: all that it can make use of. */
const LOOK = 256

export function TryPage() {
  if (taught.value === null) {
    return (
      <div class="empty">
        <h1>Nothing to try yet</h1>
        <p>
          Once a network is trained, it answers here, live before the camera. <a href={addressOf('train')}>Train</a> one
          first.
        </p>
      </div>
    )
  }
  if (going.value !== null) return <p class="empty">The network is being trained. Come back when it is done.</p>
  return <Trying />
}

function Trying() {
  const live = useSignal(tried.value === null)
  const cam = useSignal<GradCam | null>(null)
  /** null: of the likeliest. */
  const wanted = useSignal<number | null>(null)
  const shown = useSignal(true)
  const milliseconds = useSignal(0)
  const look = async (image: ImageInput): Promise<void> => {
    const start = performance.now()
    const network = taught.value
    if (!network) return
    cam.value = await network.gradCam(image, compute)
    milliseconds.value = performance.now() - start
  }
  const still = tried.value
  useEffect(() => {
    if (still === null) return
    live.value = false
    attempt(() => look(still))
  }, [still])
  const found = cam.value
  const heat = found && shown.value ? heatOf(found, wanted.value ?? found.maps[0]!.index) : null
  const [best] = found?.maps ?? []
  return (
    <>
      <h1 class="visually-hidden">Try</h1>
      <div class="try">
        <div class="sight">
          {live.value ? (
            <Live look={look}>{heat && <HeatLayer heat={heat} />}</Live>
          ) : (
            still !== null && (
              <div class="lens">
                <img src={pictureAddress(still)} alt="The network is tried with this" />
                {heat && <HeatLayer heat={heat} />}
              </div>
            )
          )}
          <div class="actions">
            <button
              type="button"
              aria-pressed={live.value}
              onClick={() => {
                live.value = !live.value
                tried.value = null
                cam.value = null
              }}
            >
              Camera
            </button>
            <FileButton accept="image/*" onFiles={given => takeIn(given)}>
              A picture …
            </FileButton>
            <label class="check">
              <input
                type="checkbox"
                checked={shown.value}
                onChange={event => {
                  shown.value = event.currentTarget.checked
                }}
              />
              Where it looks
            </label>
          </div>
          <p class="soft">The network sees the square in the middle. Pictures can be dropped or pasted here.</p>
        </div>
        <section class="answers" aria-label="What the network says">
          <p class="best" role="status" aria-live={live.value ? 'off' : 'polite'}>
            {best ? (
              <>
                <b>{best.label}</b> {share(best.probability, 0)}
              </>
            ) : (
              <span class="soft">…</span>
            )}
          </p>
          {found && (
            <ul class="shares">
              {[...found.maps]
                .sort((a, b) => a.index - b.index)
                .map(({ index, label, probability }) => (
                  <li key={index}>
                    <button
                      type="button"
                      aria-pressed={wanted.value === index}
                      title={`Show where it sees ${label}`}
                      onClick={() => {
                        wanted.value = wanted.value === index ? null : index
                      }}
                    >
                      <span class="label">{label}</span>
                      <span class="number">{share(probability, 0)}</span>
                      <span class="bar" aria-hidden="true" style={{ '--share': probability }} />
                    </button>
                  </li>
                ))}
            </ul>
          )}
          {found && (
            <p class="soft">
              {wanted.value === null
                ? 'Marked is what speaks for the likeliest class; choose another one to see what speaks for that.'
                : `Marked is what speaks for ${found.maps.find(({ index }) => index === wanted.value)?.label}.`}{' '}
              {milliseconds.value.toFixed(0)} ms a look.
            </p>
          )}
        </section>
      </div>
    </>
  )
}

interface LiveProps {
  readonly look: (image: ImageInput) => Promise<void>
  readonly children: preact.ComponentChildren
}

function Live({ look, children }: LiveProps) {
  const { video, ready } = useVideo()
  const on = ready.value
  useEffect(() => {
    if (!on) return
    let gone = false
    const again = async (): Promise<void> => {
      while (!gone && video.current) {
        const pixels = squareOf(video.current, LOOK).getContext('2d')!.getImageData(0, 0, LOOK, LOOK)
        await look(pixels)
        // One look after the other, and no faster than the screen.
        await new Promise(requestAnimationFrame)
      }
    }
    again().catch(error => {
      if (!gone) complain(error)
    })
    return () => {
      gone = true
    }
  }, [on])
  return (
    <Camera video={video} ready={ready}>
      {children}
    </Camera>
  )
}
