// The camera's picture, and what is taken from it: the square in the middle, which is what a network sees.
import { type Signal, useSignal } from '@preact/signals'

import type { ComponentChildren, RefObject } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

type Facing = 'user' | 'environment'

interface CameraProps {
  /** Set to the video as long as there is one to take pictures of. */
  readonly video: RefObject<HTMLVideoElement | null>
  readonly ready: Signal<boolean>
  /** Laid over the picture. */
  readonly children?: ComponentChildren
}

const REASONS: Readonly<Record<string, string>> = {
  NotAllowedError: 'The camera is not allowed here. Allow it in the browser’s address bar, then try again.',
  NotFoundError: 'There is no camera on this machine. Use files instead.',
  NotReadableError: 'Another program has the camera. Close it there, then try again.',
}

export function Camera({ video, ready, children }: CameraProps) {
  const facing = useSignal<Facing>('user')
  const problem = useSignal<string | null>(null)
  const several = useSignal(false)
  const wanted = facing.value
  useEffect(() => {
    let stream: MediaStream | null = null
    let gone = false
    const begin = async (): Promise<void> => {
      problem.value = null
      const { mediaDevices } = navigator
      if (!mediaDevices) throw new Error('This page has no camera: it must come by HTTPS or from localhost.')
      stream = await mediaDevices.getUserMedia({ video: { facingMode: wanted, width: 640, height: 480 } })
      if (gone) return end()
      const shown = video.current!
      shown.srcObject = stream
      await shown.play()
      ready.value = !gone
      const devices = await mediaDevices.enumerateDevices()
      several.value = devices.filter(({ kind }) => kind === 'videoinput').length > 1
    }
    const end = (): void => {
      for (const track of stream?.getTracks() ?? []) track.stop()
    }
    begin().catch((error: Error) => {
      if (!gone) problem.value = REASONS[error.name] ?? error.message
    })
    return () => {
      gone = true
      ready.value = false
      end()
    }
  }, [wanted])
  return (
    <div class="camera">
      <div class={`lens${wanted === 'user' ? ' mirrored' : ''}`}>
        <video ref={video} muted playsInline aria-label="What the camera sees" />
        {children}
        {problem.value === null && !ready.value && <p class="waiting">Waiting for the camera …</p>}
      </div>
      {problem.value !== null && (
        <p class="failure" role="alert">
          {problem.value}
        </p>
      )}
      {several.value && (
        <button
          type="button"
          onClick={() => {
            facing.value = wanted === 'user' ? 'environment' : 'user'
          }}
        >
          Other camera
        </button>
      )}
    </div>
  )
}

/** The middle square of a video, in so many pixels. */
export function squareOf(video: HTMLVideoElement, size: number): OffscreenCanvas {
  const { videoWidth, videoHeight } = video
  const side = Math.min(videoWidth, videoHeight)
  const canvas = new OffscreenCanvas(size, size)
  const context = canvas.getContext('2d', { willReadFrequently: true })!
  context.imageSmoothingQuality = 'high'
  context.drawImage(video, (videoWidth - side) / 2, (videoHeight - side) / 2, side, side, 0, 0, size, size)
  return canvas
}

export const useVideo = () => ({ video: useRef<HTMLVideoElement>(null), ready: useSignal(false) })
