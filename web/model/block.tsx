// A dense block as its one buffer of channels: each layer is a column as high as the channels it reads, with those it
// adds on top. What the chosen layer adds lies at the same height in all later columns: they read it there. After the
// paper's figure 1.
import type { LayerFacts } from '../../src/model/operations.js'
import type { ModelFacts } from '../api.js'
import type { Choosing } from './overview.js'

const HEIGHT = '190px'

export function Block({ model, block, chosen, choose }: { model: ModelFacts; block: number } & Choosing) {
  const all = model.layers.map((layer, index) => ({ layer, index }))
  const columns = all.filter(({ layer }) => layer.concatenates && layer.block === block)
  const first = columns[0]!
  const channels = columns.at(-1)!.layer.outChannels
  const height = (of: number): string => `${(100 * of) / channels}%`
  const at = columns.findIndex(({ index }) => index === chosen)
  const band = at < 0 ? null : columns[at]!.layer
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    const next = columns[at + by]
    if (by === 0 || at < 0 || !next) return
    event.preventDefault()
    choose(next.index)
    const button = (event.currentTarget as HTMLElement).querySelectorAll('button')[at + by]
    button?.focus()
  }
  return (
    <section class="block" aria-label={`Dense block ${block}`}>
      <h2>
        Dense block {block}{' '}
        <span class="soft">
          {first.layer.height} × {first.layer.width}, {first.layer.inChannels} → {channels} channels
        </span>
      </h2>
      <div class="block-scroll" style={{ '--columns': columns.length }}>
        <Arcs count={columns.length} chosen={at} />
        {/* biome-ignore lint/a11y/noStaticElementInteractions: arrows move between the buttons in it */}
        <div class="columns-of-block" style={{ height: HEIGHT }} onKeyDown={onKeyDown}>
          {columns.map(({ layer, index }, i) => (
            <button
              key={layer.name}
              type="button"
              aria-pressed={index === chosen}
              aria-label={`${layer.title}: ${layer.inChannels} channels in, ${added(layer)} more out`}
              onClick={() => choose(index)}
            >
              <span class="reads" style={{ height: height(layer.inChannels) }} />
              <span class="input" style={{ height: height(first.layer.inChannels) }} />
              {band && i > at && <Band band={band} height={height} />}
              <span class="adds" style={{ bottom: height(layer.inChannels), height: height(added(layer)) }} />
            </button>
          ))}
        </div>
        <div class="numbers-of-block soft" aria-hidden="true">
          {columns.map(({ layer }, i) => (
            <span key={layer.name}>{i + 1}</span>
          ))}
        </div>
      </div>
      <ul class="key">
        <li class="input">the block’s input</li>
        <li class="reads">what earlier layers added</li>
        <li class="adds">what a layer adds</li>
        <li class="band">the chosen layer’s, read again</li>
      </ul>
    </section>
  )
}

const added = ({ inChannels, outChannels }: LayerFacts): number => outChannels - inChannels

function Band({ band, height }: { band: LayerFacts; height: (of: number) => string }) {
  return <span class="band" style={{ bottom: height(band.inChannels), height: height(added(band)) }} />
}

/** From every earlier layer into the chosen one, and from it into every later one. */
function Arcs({ count, chosen }: { count: number; chosen: number }) {
  if (chosen < 0) return <div class="arcs" />
  const arc = (from: number, to: number): string => {
    const [a, b] = [from + 0.5, to + 0.5]
    const top = 10 - 9.5 * Math.sqrt((b - a) / count)
    return `M${a} 10C${a} ${top} ${b} ${top} ${b} 10`
  }
  const others = Array.from({ length: count }, (_, i) => i).filter(i => i !== chosen)
  return (
    <svg class="arcs" viewBox={`0 0 ${count} 10`} preserveAspectRatio="none" aria-hidden="true">
      {others.map(i => (
        <path key={i} class={i < chosen ? 'into' : 'from'} d={i < chosen ? arc(i, chosen) : arc(chosen, i)} />
      ))}
    </svg>
  )
}
