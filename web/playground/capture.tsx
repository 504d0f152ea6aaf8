// Pictures of a class from the camera: one at a time, or a series.
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { Camera, squareOf, useVideo } from './camera.js'
import { attempt } from './notice.js'
import { addPictures } from './project.js'

const SIZE = 384
const SERIES_MILLISECONDS = 250

export function Capture({ label }: { label: string }) {
  const { video, ready } = useVideo()
  const series = useSignal(false)
  const taken = useSignal(0)
  const take = async (): Promise<void> => {
    if (!ready.value || !video.current) return
    const blob = await squareOf(video.current, SIZE).convertToBlob({ type: 'image/jpeg', quality: 0.92 })
    const file = new File([blob], 'camera.jpg', { type: 'image/jpeg' })
    const { added } = await addPictures(label, [file])
    taken.value += added
  }
  useEffect(() => {
    if (!series.value) return
    const timer = setInterval(() => attempt(take), SERIES_MILLISECONDS)
    return () => clearInterval(timer)
  }, [series.value, label])
  return (
    <div class="capture">
      <Camera video={video} ready={ready} />
      <div class="actions">
        <button type="button" class="main" disabled={!ready.value} onClick={() => attempt(take)}>
          Take a picture
        </button>
        <button
          type="button"
          disabled={!ready.value}
          aria-pressed={series.value}
          onClick={() => {
            series.value = !series.value
          }}
        >
          {series.value ? 'End the series' : 'Take a series'}
        </button>
        <span class="soft" role="status">
          {taken.value > 0 && `${taken.value} taken`}
        </span>
      </div>
    </div>
  )
}
