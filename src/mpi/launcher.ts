// Who started this process as one of several, as its environment says, and where the MPI of that launcher may be.
import { existsSync, fstatSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

type Environment = Readonly<Record<string, string | undefined>>

export interface Launch {
  readonly launcher: string
  /** How many processes it says that there are. */
  readonly size: number
  /** In the order in which they are tried: paths, and names that the system knows. */
  readonly libraries: readonly string[]
}

const OPEN_MPI = ['libmpi.so.40']
/** Of MPICH and its relatives, Debian's last; and of any MPI that has the interface of the standard. */
const MPICH = ['libmpi.so.12', 'libmpich.so.12', 'libmpi_abi.so.0']

/** Null where it was started alone. */
export function launchOf(environment: Environment): Launch | null {
  const launch = (launcher: string, size: string, names: readonly string[]): Launch | null => {
    const own = environment.DENSENET_MPI
    return Number(size) > 1
      ? { launcher, size: Number(size), libraries: own ? [own] : placesOf(names, environment) }
      : null
  }
  const { OMPI_COMM_WORLD_SIZE, PMI_SIZE, SLURM_STEP_NUM_TASKS, PMIX_RANK } = environment
  if (OMPI_COMM_WORLD_SIZE) return launch('mpirun of Open MPI', OMPI_COMM_WORLD_SIZE, OPEN_MPI)
  // In a job of Slurm MPICH's mpirun has srun start its helpers, one on each machine: srun's own number is theirs.
  if (PMI_SIZE && PMI_SIZE !== SLURM_STEP_NUM_TASKS) return launch('mpirun of MPICH', PMI_SIZE, MPICH)
  // Open MPI under srun speaks PMIx, MPICH PMI.
  const bySlurm = PMIX_RANK === undefined ? [...MPICH, ...OPEN_MPI] : [...OPEN_MPI, ...MPICH]
  return SLURM_STEP_NUM_TASKS ? launch('srun', SLURM_STEP_NUM_TASKS, bySlurm) : null
}

/** Whether the connection that MPICH's launcher or srun has given its child is not this process': npx, if it was that, keeps it. */
export function isCutOff({ PMI_FD }: Environment): boolean {
  if (PMI_FD === undefined) return false
  try {
    return !fstatSync(Number(PMI_FD)).isSocket()
  } catch {
    return true
  }
}

/** Whether the launcher, if there is one, calls this process its first. */
export const isFirst = ({ OMPI_COMM_WORLD_RANK, PMI_RANK, SLURM_PROCID }: Environment): boolean =>
  [OMPI_COMM_WORLD_RANK, PMI_RANK, SLURM_PROCID].every(rank => rank === undefined || rank === '0')

/** Beside the launcher first: it may have come with its own. */
function placesOf(names: readonly string[], { PATH = '', I_MPI_ROOT }: Environment): string[] {
  const launcher = PATH.split(delimiter)
    .map(folder => join(folder, 'mpirun'))
    .find(existsSync)
  const roots = [...(I_MPI_ROOT ? [I_MPI_ROOT] : []), ...(launcher ? [dirname(dirname(realpathSync(launcher)))] : [])]
  const beside = roots.flatMap(root => names.map(name => join(root, 'lib', name))).filter(existsSync)
  return [...beside, ...names]
}
