// One program of a network, with buffers of its own: for passes that are no training and no evaluation of a batch.
import { type Backend, createArena, type DeviceBuffer, type RunArguments } from './backend.js'
import { externalRooms } from './externals.js'
import type { ExternalRole, Program } from './program.js'
import type { SessionState } from './session.js'

export interface BoundProgram {
  /** One for each role that the program names. */
  readonly buffers: Readonly<Partial<Record<ExternalRole, DeviceBuffer>>>
  run(args: RunArguments): Promise<void>
  dispose(): void
}

/** The weights are written already. */
export async function bindProgram(
  program: Program,
  backend: Backend,
  state: Pick<SessionState, 'parameters' | 'running'>,
): Promise<BoundProgram> {
  const owned: DeviceBuffer[] = []
  const own = (buffer: DeviceBuffer): DeviceBuffer => {
    owned.push(buffer)
    return buffer
  }
  const dispose = (): void => {
    for (const buffer of owned.splice(0)) buffer.dispose()
  }
  try {
    const arena = own(createArena(backend, program.arenaBytes))
    const buffers: Partial<Record<ExternalRole, DeviceBuffer>> = {}
    for (const [role, { elements, elementType }] of Object.entries(externalRooms([program])))
      buffers[role as ExternalRole] = own(backend.createBuffer(elements, elementType))
    await buffers.parameters?.write(state.parameters)
    // The first convolution of a small network comes before any batch norm.
    await buffers.running?.write(state.running)
    const executable = await backend.compile(program, { ...buffers, arena })
    return {
      buffers,
      run: args => executable.run(args),
      dispose() {
        executable.dispose()
        dispose()
      },
    }
  } catch (error) {
    dispose()
    throw error
  }
}
