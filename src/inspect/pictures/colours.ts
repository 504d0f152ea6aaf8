// Colour scales that the colour-blind can read and that stay in order in grey: matplotlib's viridis and inferno (N. Smith
// and S. van der Walt, 2015, CC0), by eleven of their colours.

export type Colour = readonly [red: number, green: number, blue: number]
export type ColourScale = readonly Colour[]

const scale = (text: string): ColourScale =>
  text.split(' ').map(hex => {
    const [red, green, blue] = [0, 2, 4].map(at => Number.parseInt(hex.slice(at, at + 2), 16))
    return [red!, green!, blue!] as const
  })

export const VIRIDIS = scale('440154 482475 414487 355f8d 2a788e 21918c 22a884 44bf70 7ad151 bddf26 fde725')
export const INFERNO = scale('000004 160b39 420a68 6a176e 932667 bc3754 dd513a f37819 fca50a f6d746 fcffa4')

/** The colour of a share 0 .. 1; beyond these, of the end. */
export function colourAt(colours: ColourScale, share: number): Colour {
  const at = Math.min(1, Math.max(0, share)) * (colours.length - 1)
  const i = Math.min(colours.length - 2, Math.floor(at))
  const mixed = colours[i]!.map((from, channel) => Math.round(from + (at - i) * (colours[i + 1]![channel]! - from)))
  return mixed as unknown as Colour
}

export const hex = (colour: Colour): string => `#${colour.map(value => value.toString(16).padStart(2, '0')).join('')}`
