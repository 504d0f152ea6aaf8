// Things that are alike, each a few numbers of channels, done by one dispatch: a row of its numbers says where each has them. What they read
// and write lies here and there in the same buffers; an operand reaches over all of it.
import type { Ref } from '../../engine/kernels.js'
import type { Program } from '../../engine/program.js'
import type { Dispatch, Place } from './dispatch.js'
import { placed } from './memory.js'
import { THREADS } from './wgsl/common.js'

export interface Task {
  readonly channels: number
  /** Of `channels` numbers each. `name[row.name + c]` is that of channel c. */
  readonly places: Readonly<Record<string, Ref>>
  /** u32s, and f32s that it has in common with those of its dispatch. */
  readonly row: Readonly<Record<string, number>>
  readonly real: Readonly<Record<string, number>>
}

/** In elements: what one operand may reach over, and how many a buffer has where the arena is several. */
export interface Reach {
  readonly reach: number
  readonly page: number
}

/** Where every buffer can be bound as a whole. */
export const EVERYWHERE: Reach = { reach: Number.POSITIVE_INFINITY, page: Number.POSITIVE_INFINITY }

/** Of 64 KiB, which every GPU takes. */
const MOST_ROWS = 1024

/** `text`: of rowsText(). */
export function alike(
  program: Program,
  tasks: readonly Task[],
  { name, text, operands = {}, whole = {} }: Pick<Dispatch, 'name' | 'text'> & Partial<Dispatch>,
  { reach, page }: Reach,
): Dispatch[] {
  const fits = ({ buffer, offset, count }: Place): boolean =>
    count <= reach && (buffer !== 'arena' || Math.floor(offset / page) === Math.floor((offset + count - 1) / page))
  const groups: { places: Record<string, Place>; readonly tasks: Task[] }[] = []
  for (const task of tasks) {
    const own = ofEach(task.places, ref => {
      const { memory } = placed(program, ref.buffer)
      return { buffer: memory === 'arena' ? memory : ref.buffer, offset: elementOf(program, ref), count: task.channels }
    })
    const group = groups.find(
      ({ places, tasks: [first], tasks: { length } }) =>
        length < MOST_ROWS &&
        Object.entries(task.real).every(([name, value]) => first!.real[name] === value) &&
        Object.entries(own).every(
          ([name, place]) => place.buffer === places[name]!.buffer && fits(over(place, places[name]!)),
        ),
    )
    if (!group) groups.push({ places: own, tasks: [task] })
    else {
      group.tasks.push(task)
      group.places = ofEach(own, (place, name) => over(place, group.places[name]!))
    }
  }
  return groups.map(group => ({
    name,
    text,
    operands: { ...group.places, ...operands },
    whole,
    real: group.tasks[0]!.real,
    rows: group.tasks.map(({ channels, places, row }) => ({
      channels,
      ...row,
      ...ofEach(places, (ref, name) => elementOf(program, ref) - group.places[name]!.offset),
    })),
    groups: () => [
      Math.ceil(Math.max(...group.tasks.map(({ channels }) => channels)) / THREADS),
      group.tasks.length,
      1,
    ],
  }))
}

/** Of its memory, which is floats here. */
const elementOf = (program: Program, { buffer, offset }: Ref): number => placed(program, buffer).base / 4 + offset

const ofEach = <A, B>(record: Readonly<Record<string, A>>, f: (value: A, name: string) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value, name)]))

/** What reaches over both. */
function over(a: Place, b: Place): Place {
  const offset = Math.min(a.offset, b.offset)
  return { ...a, offset, count: Math.max(a.offset + a.count, b.offset + b.count) - offset }
}
