// Who has started a process as one of several, by the environments that launchers were seen to give: Open MPI 4.1.4, MPICH 4.0.2, Slurm 22.05.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { isCutOff, isFirst, launchOf } from '../../dist/mpi/launcher.js'

const slurm = { SLURM_JOB_ID: '7', SLURM_NTASKS: '4', SLURM_PROCID: '0' }

test.each<[string, Record<string, string>, [launcher: string, size: number, library: string] | null]>([
  ['nobody', {}, null],
  ['the script of a job of Slurm', slurm, null],
  ['mpirun of Open MPI', { OMPI_COMM_WORLD_SIZE: '4' }, ['mpirun of Open MPI', 4, 'libmpi.so.40']],
  ['the same, of one', { OMPI_COMM_WORLD_SIZE: '1' }, null],
  ['mpirun of MPICH', { PMI_SIZE: '4' }, ['mpirun of MPICH', 4, 'libmpi.so.12']],
  [
    'mpirun of MPICH in a job of one machine',
    { ...slurm, SLURM_STEP_NUM_TASKS: '1', PMI_SIZE: '4' },
    ['mpirun of MPICH', 4, 'libmpi.so.12'],
  ],
  [
    'mpirun of Open MPI in a job',
    { ...slurm, SLURM_STEP_NUM_TASKS: '1', OMPI_COMM_WORLD_SIZE: '4' },
    ['mpirun of Open MPI', 4, 'libmpi.so.40'],
  ],
  ['srun --mpi=pmi2', { ...slurm, SLURM_STEP_NUM_TASKS: '4', PMI_SIZE: '4' }, ['srun', 4, 'libmpi.so.12']],
  ['srun --mpi=pmix', { ...slurm, SLURM_STEP_NUM_TASKS: '4', PMIX_RANK: '0' }, ['srun', 4, 'libmpi.so.40']],
])('%s', (_, environment, expected) => {
  const launch = launchOf(environment)
  expect(launch && [launch.launcher, launch.size, launch.libraries[0]]).toEqual(expected)
})

test('a connection that somebody in between keeps is missed', async () => {
  const server = createServer().listen()
  const socket = connect((server.address() as AddressInfo).port)
  await once(socket, 'connect')
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
  expect([{}, { PMI_FD: String(fd) }, { PMI_FD: '999' }].map(isCutOff)).toEqual([false, false, true])
  socket.destroy()
  server.close()
})

test('the first is who is the first of all', () => {
  expect([{}, { PMI_RANK: '0', SLURM_PROCID: '0' }].map(isFirst)).toEqual([true, true])
  expect([{ PMI_RANK: '1', SLURM_PROCID: '0' }, { SLURM_PROCID: '1' }].map(isFirst)).toEqual([false, false])
})
