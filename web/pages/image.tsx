// What a network makes of an image that is chosen or dropped here: where it sees each class, and a layer's feature maps.
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import {
  type ApiError,
  ask,
  type CamPictures,
  type CheckpointName,
  type InspectionPicture,
  type InspectionPlaces,
  type RunSummary,
  type Segments,
} from '../api.js'
import { Failed } from '../failed.js'
import { share } from '../format.js'
import { CheckpointChoice, Choice } from '../inspect/choice.js'
import { ImageWell } from '../inspect/image-well.js'
import { Picture } from '../inspect/picture.js'
import { useRoom } from '../inspect/use-room.js'
import { useAnswer } from '../use-answer.js'

/** Until it is known. */
const ROOM = 360
const LAST_MAPS = 'features.relu5'

export function ImagePage({ run }: { run: RunSummary }) {
  const checkpoint = useSignal<CheckpointName>('last')
  const file = useSignal<File | null>(null)
  const { value: places, failure } = useAnswer<InspectionPlaces>('inspect/places', {
    run: run.id,
    checkpoint: checkpoint.value,
  })
  if (failure) return <Failed failure={failure} />
  if (!places) return <p class="empty">Reading the network …</p>
  const query = { run: run.id, checkpoint: checkpoint.value }
  return (
    <>
      <h1>An image, as the network sees it</h1>
      <div class="toolbar">
        <ImageWell
          file={file.value}
          choose={chosen => {
            file.value = chosen
          }}
        />
        <CheckpointChoice chosen={checkpoint} />
      </div>
      {file.value === null ? (
        <p class="soft prose">
          Choose a picture, or drop one here. It stays on this machine: the dashboard’s server shows it to the network.
        </p>
      ) : (
        <div class="findings">
          {places.pixels ? (
            <Pixels file={file.value} query={query} />
          ) : (
            <Cam file={file.value} query={query} places={places} />
          )}
          <Maps file={file.value} query={query} places={places} />
        </div>
      )}
    </>
  )
}

interface PartProps {
  readonly file: File
  readonly query: Readonly<Record<string, string>>
  readonly places: InspectionPlaces
}

function Cam({ file, query, places }: PartProps) {
  const layer = useSignal(LAST_MAPS)
  const chosen = useSignal('')
  const classes = places.classes.map((label, i) => [String(i), label] as const)
  const asked = { ...query, layer: layer.value, ...(chosen.value === '' ? {} : { class: chosen.value }) }
  const { value: cam, failure, busy } = useSent<CamPictures>('inspect/gradcam', asked, file)
  return (
    <section>
      <h2>Where it sees a class</h2>
      <div class="toolbar">
        <Choice
          name="class"
          value={chosen.value}
          options={[['', 'the likeliest three'], ...classes]}
          choose={value => {
            chosen.value = value
          }}
        />
        <Choice
          name="feature maps of"
          value={layer.value}
          options={places.camLayers.map(name => [name, name] as const)}
          choose={value => {
            layer.value = value
          }}
        />
        <span class="soft" role="status">
          {busy ? 'looking …' : cam ? `Grad-CAM, maps of ${cam.height} × ${cam.width}` : ''}
        </span>
      </div>
      {failure && <Failed failure={failure} />}
      {cam && (
        <ul class="cams">
          <li>
            <img src={cam.image} alt={`${file.name} at the network’s size`} />
            <span>what the network sees</span>
          </li>
          {cam.maps.map(({ index, label, probability, score, picture }) => (
            <li key={index}>
              <img src={picture} alt={`where it sees ${label}`} />
              <span>
                <strong>{label}</strong> {share(probability)} <span class="soft">score {score.toFixed(2)}</span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function Pixels({ file, query }: Pick<PartProps, 'file' | 'query'>) {
  const { value, failure, busy } = useSent<Segments>('inspect/segments', query, file)
  return (
    <section>
      <h2>What its pixels are</h2>
      <span class="soft" role="status">
        {busy ? 'looking …' : value ? `${value.width} × ${value.height} pixels` : ''}
      </span>
      {failure && <Failed failure={failure} />}
      {value && (
        <div class="beside">
          <img class="overlay" src={value.overlay} alt={`${file.name} with the colours of its classes`} />
          <ul class="shares">
            {value.classes.map(({ label, share: part, colour }) => (
              <li key={label}>
                <span class="mask-colour" style={{ background: colour }} /> {label}{' '}
                <span class="soft">{share(part)}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
    </section>
  )
}

function Maps({ file, query, places }: PartProps) {
  const layer = useSignal(places.layers[0]!)
  const { place, room } = useRoom()
  const asked = { ...query, layer: layer.value, room: String(room.value ?? ROOM) }
  const { value, failure, busy } = useSent<InspectionPicture>('inspect/activations', asked, file)
  return (
    <section>
      <h2>Feature maps</h2>
      <div class="toolbar">
        <Choice
          name="layer"
          value={layer.value}
          options={places.layers.map(name => [name, name] as const)}
          choose={name => {
            layer.value = name
          }}
        />
        <span class="soft" role="status">
          {busy ? 'looking …' : ''}
        </span>
      </div>
      {failure && <Failed failure={failure} />}
      <div ref={place}>{value && <Picture svg={value.svg} name={`Feature maps of ${layer.value}`} />}</div>
    </section>
  )
}

/** The answer to an image that is sent; the one before stays until it is there. */
function useSent<T>(path: string, query: Readonly<Record<string, string>>, file: File) {
  const answer = useSignal<{ value: T | null; failure: ApiError | null; busy: boolean }>({
    value: null,
    failure: null,
    busy: true,
  })
  useEffect(() => {
    const stop = new AbortController()
    answer.value = { ...answer.value, busy: true }
    ask<T>(path, query, { method: 'POST', body: file, signal: stop.signal }).then(
      value => {
        answer.value = { value, failure: null, busy: false }
      },
      (failure: ApiError) => {
        if (!stop.signal.aborted) answer.value = { value: null, failure, busy: false }
      },
    )
    return () => stop.abort()
  }, [path, JSON.stringify(query), file])
  return answer.value
}
