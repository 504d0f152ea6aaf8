// What ranks ask each other first, here in one process: versions, machines, cores.
import { expect, test } from 'vitest'
import { meet, type Seat } from '../../dist/mpi/meeting.js'
import { localRanks } from '../../dist/ranks/local.js'

const seat = (host: string, cores: string, available: number, processors = 8): Seat => {
  return { host, cores, available, processors }
}
const met = (seats: readonly Seat[], version = (_: number) => '1.0.0') =>
  Promise.allSettled(localRanks(seats.length).map((ranks, i) => meet(ranks, version(i), seats[i]!)))

test('another version on one machine is refused by all', async () => {
  const free = seat('a', '0-7', 8)
  for (const end of await met([free, free, free], rank => (rank === 2 ? '1.1.0' : '1.0.0'))) {
    expect(end).toMatchObject({
      reason: {
        code: 'usage',
        message: 'rank 2 has version 1.1.0, rank 0 has 1.0.0',
        hint: 'install the same version of densenet on all machines',
      },
    })
  }
})

test('ranks of one machine share its cores, those that are bound keep theirs', async () => {
  const seats = [
    seat('a', '0-7', 8),
    seat('b', '0-3', 4),
    seat('a', '0-7', 8),
    seat('b', '4-7', 4),
    seat('c', '0-7', 8),
  ]
  const ends = await met(seats)
  expect(
    ends.map(end => end.status === 'fulfilled' && [end.value.local, end.value.threads, end.value.warning]),
  ).toEqual([
    [{ rank: 0, size: 2 }, 4, null],
    [{ rank: 0, size: 2 }, 4, null],
    [{ rank: 1, size: 2 }, 4, null],
    [{ rank: 1, size: 2 }, 4, null],
    [{ rank: 0, size: 1 }, 8, null],
  ])
})

test('a rank that is bound to one core of many is told of; of a machine that has no more it is as it should be', async () => {
  const [bound, other] = await met([seat('a', '0', 1), seat('a', '1', 1)])
  const warning = (rank: number) => `rank ${rank} is bound to one of the 8 cores of a: start with mpirun --bind-to none`
  expect(bound).toMatchObject({ value: { threads: 1, warning: warning(0) } })
  expect(other).toMatchObject({ value: { threads: 1, warning: warning(1) } })
  for (const end of await met([seat('a', '0', 1, 2), seat('a', '1', 1, 2)])) {
    expect(end).toMatchObject({ value: { warning: null } })
  }
})
