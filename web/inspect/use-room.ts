// How wide a drawing may be, in steps, so that it is not drawn anew for every pixel.
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'

const STEP = 40

export function useRoom() {
  const place = useRef<HTMLDivElement>(null)
  const room = useSignal<number | null>(null)
  useEffect(() => {
    const element = place.current
    if (!element) return
    const observer = new ResizeObserver(() => {
      room.value = Math.max(200, Math.floor(element.clientWidth / STEP) * STEP)
    })
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  return { place, room }
}
