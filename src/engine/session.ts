// A network on a backend: its parameters and statistics in device buffers, its programs compiled, one call per step.
import type { Architecture } from '../model/architecture.js'
import { type ParameterTable, parameterTable } from '../model/parameters.js'
import type { Backend, Bindings, DeviceBuffer, Executable, Numbers } from './backend.js'
import { type MemoryMode, plan, planUpdate } from './planner.js'

export interface SessionOptions {
  readonly batchSize: number
  readonly memory?: MemoryMode
  /** Leave it out for a session that only evaluates: gradients and momentum then take no memory. */
  readonly optimizer?: { readonly momentum: number; readonly weightDecay: number; readonly nesterov: boolean }
}

/** `images` [size][channels][height][width], normalised; `labels` [size] class numbers. */
export interface SessionBatch {
  readonly size: number
  readonly images: ArrayLike<number>
  readonly labels: ArrayLike<number>
}

/** Per image: cross entropy, and how many classes scored above the right one (0: right, below 5: among the first five). */
export interface StepResult {
  readonly losses: Numbers
  readonly ranks: Numbers
}

/** Everything that training changes. Each array is in the order of the parameter table. */
export interface SessionState {
  readonly parameters: Numbers
  readonly running: Numbers
  /** Momentum buffer; null in a session without optimizer. */
  readonly velocity: Numbers | null
}

export interface Session {
  readonly architecture: Architecture
  readonly table: ParameterTable
  readonly batchSize: number
  /** One step of SGD. `seed` and `step` key the dropout masks. */
  trainStep(batch: SessionBatch, args: { learningRate: number; seed?: number; step?: number }): Promise<StepResult>
  /** Loss and ranks with running statistics; changes nothing. */
  evaluate(batch: SessionBatch): Promise<StepResult>
  /** [size][classes] of the last trainStep or evaluate. */
  logits(size: number): Promise<Numbers>
  /** Gradients of the last trainStep, in parameter order, before weight decay. */
  gradients(): Promise<Numbers>
  /** Copies; in the arrays of `into`, an earlier result, if given. */
  readState(into?: SessionState): Promise<SessionState>
  writeState(state: Partial<SessionState>): Promise<void>
  dispose(): void
}

export async function createSession(
  architecture: Architecture,
  backend: Backend,
  options: SessionOptions,
): Promise<Session> {
  const { batchSize, optimizer } = options
  const { config } = architecture
  const table = parameterTable(architecture)
  const evaluation = plan(architecture, { mode: 'eval', batchSize })
  const training = optimizer
    ? plan(architecture, { mode: 'train', batchSize, memory: options.memory ?? 'store' })
    : null
  const images = batchSize * config.inputChannels * config.height * config.width

  const owned: DeviceBuffer[] = []
  const executables: Executable[] = []
  const create = (elements: number): DeviceBuffer => {
    const buffer = backend.createBuffer(elements)
    owned.push(buffer)
    return buffer
  }
  const dispose = (): void => {
    for (const executable of executables.splice(0)) executable.dispose()
    for (const buffer of owned.splice(0)) buffer.dispose()
  }
  try {
    const buffers = {
      parameters: create(table.parameterCount),
      running: create(table.runningCount),
      input: create(images),
      labels: create(batchSize),
      logits: create(batchSize * config.classes),
      loss: create(batchSize),
      rank: create(batchSize),
      arena: create(Math.max(evaluation.arenaElements, training?.arenaElements ?? 0)),
      ...(optimizer ? { gradients: create(table.parameterCount), velocity: create(table.parameterCount) } : {}),
    } satisfies Bindings as Bindings &
      Record<'parameters' | 'running' | 'input' | 'labels' | 'logits' | 'loss' | 'rank', DeviceBuffer>
    const compile = async (program: Parameters<Backend['compile']>[0]): Promise<Executable> => {
      const executable = await backend.compile(program, buffers)
      executables.push(executable)
      return executable
    }
    const evaluate = await compile(evaluation)
    const gradient = training && (await compile(training))
    const update = optimizer && (await compile(planUpdate(table.parameterCount, optimizer)))

    const load = async (batch: SessionBatch): Promise<void> => {
      await Promise.all([buffers.input.write(batch.images), buffers.labels.write(batch.labels)])
    }
    const result = async (size: number): Promise<StepResult> => {
      const [losses, ranks] = await Promise.all([buffers.loss.read(0, size), buffers.rank.read(0, size)])
      return { losses, ranks }
    }
    return {
      architecture,
      table,
      batchSize,
      async trainStep(batch, { learningRate, seed = 0, step = 0 }) {
        if (!gradient || !update) throw new Error('this session was made without an optimizer')
        await load(batch)
        await gradient.run({ batch: batch.size, seed, step })
        await update.run({ batch: 1, learningRate })
        return result(batch.size)
      },
      async evaluate(batch) {
        await load(batch)
        await evaluate.run({ batch: batch.size })
        return result(batch.size)
      },
      logits: size => buffers.logits.read(0, size * config.classes),
      gradients: () => {
        if (!buffers.gradients) throw new Error('this session was made without an optimizer')
        return buffers.gradients.read()
      },
      async readState(into) {
        const copy = (buffer: DeviceBuffer, to?: Numbers | null): Promise<Numbers> =>
          buffer.read(0, buffer.elements, to ?? undefined)
        return {
          parameters: await copy(buffers.parameters, into?.parameters),
          running: await copy(buffers.running, into?.running),
          velocity: buffers.velocity ? await copy(buffers.velocity, into?.velocity) : null,
        }
      },
      async writeState({ parameters, running, velocity }) {
        if (parameters) await buffers.parameters.write(parameters)
        if (running) await buffers.running.write(running)
        if (velocity && buffers.velocity) await buffers.velocity.write(velocity)
      },
      dispose,
    }
  } catch (error) {
    dispose()
    throw error
  }
}
