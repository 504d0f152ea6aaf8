// What happens while a data set is brought: typed events for the terminal, a log or a caller's own display.

/** How far the bringing of a data set is; counts are bytes unless they say images. */
export type DataProgress =
  | { readonly stage: 'trying'; readonly source: string }
  | {
      readonly stage: 'downloading'
      readonly source: string
      readonly file: string
      readonly received: number
      readonly total: number
    }
  | { readonly stage: 'unpacking'; readonly source: string }
  | { readonly stage: 'verifying'; readonly source: string }
  /** This source did not work out; the next one, if any, is tried. */
  | { readonly stage: 'failed'; readonly source: string; readonly reason: string; readonly next: string | undefined }
  /** Another process is bringing the same data set. */
  | { readonly stage: 'waiting' }
