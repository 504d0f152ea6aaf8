// jsfive ships without types: what is used of it.
declare module 'jsfive' {
  export class Group {
    readonly keys: string[]
    readonly attrs: Record<string, unknown>
    get(path: string): Group | Dataset | null
    /** A number is an address in the file, a string the target of a soft link. */
    readonly _links: Record<string, number | string>
  }
  export class Dataset {
    readonly shape: number[]
    readonly dtype: unknown
    readonly value: ArrayLike<number>
    readonly attrs: Record<string, unknown>
  }
  export class File extends Group {
    constructor(bytes: ArrayBuffer, name: string)
  }
}
