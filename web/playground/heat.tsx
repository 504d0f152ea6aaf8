// Where a network sees a class, laid over the picture.
import { useEffect, useRef } from 'preact/hooks'
import type { GradCam } from '../../src/inspect/class-maps.js'

export interface Heat {
  readonly width: number
  readonly height: number
  /** 0..1 */
  readonly values: readonly number[]
}

/** Of the class of that number. */
export function heatOf({ width, height, maps }: GradCam, index: number): Heat {
  const { values } = maps.find(map => map.index === index)!
  const most = Math.max(...values)
  return { width, height, values: values.map(value => (most > 0 ? value / most : 0)) }
}

const COLOUR = [255, 120, 0] as const
const DENSEST = 175

export function HeatLayer({ heat }: { heat: Heat }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const { width, height, values } = heat
  useEffect(() => {
    const pixels = new ImageData(width, height)
    for (const [i, value] of values.entries()) pixels.data.set([...COLOUR, DENSEST * value], 4 * i)
    // The browser smoothes it as it scales it up.
    canvas.current!.getContext('2d')!.putImageData(pixels, 0, 0)
  }, [heat])
  return <canvas ref={canvas} class="heat" width={width} height={height} />
}
