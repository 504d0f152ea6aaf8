// A network on a backend: its parameters and statistics in device buffers, its programs compiled, one call per step.
import { DenseNetError } from '../errors.js'
import { type Architecture, scoresOf } from '../model/architecture.js'
import type { POOLED } from '../model/feature-layers.js'
import { type ParameterTable, parameterTable } from '../model/parameters.js'
import { type Backend, createArena, type DeviceBuffer, type Executable, type Numbers } from './backend.js'
import { type BatchShape, checkBatch, type SessionBatch, type StepResult, targetsOf } from './batch.js'
import { externalRooms } from './externals.js'
import { loneImageProblem, normsOfOneValue } from './lone-image.js'
import { type Loss, plainLoss } from './loss.js'
import { type MemoryMode, plan } from './planner.js'
import type { ExternalRole, Precision, Program } from './program.js'
import { createSharedGradient, type SharedGradient } from './shared-gradient.js'
import { planSharing, type Share, type SharingPrograms, sharingList } from './sharing.js'
import { type Optimizer, planBlend, planUpdate, updateRegions } from './update.js'

/** What a session is for; `batchSize` is the largest batch in images, `memory` is `store` by default. */
export interface SessionOptions {
  readonly batchSize: number
  readonly memory?: MemoryMode
  /** Leave it out for a session that only evaluates: gradients and momentum then take no memory. */
  readonly optimizer?: Optimizer
  /** Whether batch norms and biases decay as well; default true, as the original's. */
  readonly decayNorms?: boolean
  /** Of these, whether biases and the shifts of batch norms do; default true. */
  readonly decayShifts?: boolean
  /** Largest norm of all gradients together; null: any. */
  readonly clipNorm?: number | null
  /** Names of parameters that keep their bits; what becomes of their batch norms: PlanOptions. */
  readonly frozen?: ReadonlySet<string>
  /** Evaluates images of another size with the same weights: the same network for those. */
  readonly evaluated?: Architecture
  /** Evaluates by the statistics of each image: PlanOptions. */
  readonly ownStatistics?: boolean
  /** Whether several batches may make one update. */
  readonly accumulates?: boolean
  /** Instead: the batches of an update are shared out among processes, of which this is one. */
  readonly share?: Share | undefined
  /** Whether to keep a moving average of parameters and running statistics, and to evaluate with that. */
  readonly averages?: boolean
  /** Of training; evaluation reports the plain one of its kind. Default: cross entropy. */
  readonly loss?: Omit<Loss, 'weighted'>
  /** `pooled`: the `images` of batches are the classifier's input, computed before (createFeatureExtractor), and the
   * classifier alone is trained and evaluated. All other parameters must be frozen. */
  readonly from?: typeof POOLED | undefined
  /** [classes] */
  readonly classWeights?: ArrayLike<number> | null
}

export type { SessionBatch, StepResult } from './batch.js'

/** What changes from step to step. */
export interface StepArguments {
  readonly learningRate: number
  /** Key the dropout masks; default 0. */
  readonly seed?: number
  readonly step?: number
  /** Updates made before this one, which adamw counts; default: `step`. */
  readonly updates?: number
  /** With `accumulates`: images whose gradients are summed up already; 0: this batch is the first. */
  readonly pendingImages?: number
  /** With `accumulates`: false leaves the update to a later batch; default true. */
  readonly update?: boolean
  /** With `averages`: what the average keeps of itself, 0 .. 1. */
  readonly averageKeeps?: number
}

/** What only training needs, beside the parameters. */
export const TRAINING_BUFFERS = [
  'velocity',
  'firstMoment',
  'secondMoment',
  'accumulated',
  'average',
  'averageRunning',
] as const satisfies readonly ExternalRole[]
/** What training remembers besides the weights, such as `velocity`, the momentum of SGD. */
export type TrainingBuffer = (typeof TRAINING_BUFFERS)[number]

/** Everything that training changes. Each array is in the order of the parameter table; running statistics in theirs. */
export interface SessionState {
  readonly parameters: Numbers
  readonly running: Numbers
  /** Those that the session has; absent ones begin as zeros, and averages as the parameters. */
  readonly training: Readonly<Partial<Record<TrainingBuffer, Numbers>>>
}

/** A network on a backend: training steps, evaluation, and its whole state in and out. */
export interface Session {
  readonly architecture: Architecture
  readonly table: ParameterTable
  readonly batchSize: number
  /** With `share`: what takes the place of trainStep, gradient and finishUpdate; else null. */
  readonly shared: SharedGradient | null
  /** `gradient`, then `update` unless that is left to a later batch. */
  trainStep(batch: SessionBatch, args: StepArguments): Promise<StepResult>
  /** The gradient of the batch's mean loss into the gradient buffer; with `accumulates` that of all images of the update, and
   * if `update` is false it is only added to theirs. Throws where the batch is one image whose maps become 1 x 1: batch norm has
   * no variance of one value. */
  gradient(batch: SessionBatch, args: Omit<StepArguments, 'learningRate'>): Promise<StepResult>
  /** The update with what the gradient buffer holds. Between the two others may share a step: `gradients` reads, and
   * `writeGradients` writes what was made of everybody's, each weighted by its images. */
  update(args: Pick<StepArguments, 'learningRate' | 'step' | 'updates' | 'averageKeeps'>): Promise<void>
  /** With `accumulates`: the update that a batch was to make which does not come, of the `pendingImages` there are. */
  finishUpdate(args: Pick<StepArguments, 'learningRate' | 'updates' | 'averageKeeps' | 'pendingImages'>): Promise<void>
  /** Loss and ranks with running statistics; changes nothing. */
  evaluate(batch: SessionBatch): Promise<StepResult>
  /** [size][classes], or [size][classes][height][width], of the last trainStep or evaluate. */
  logits(size: number): Promise<Numbers>
  /** In parameter order. After an update: as it used them, clipped, before weight decay; those of frozen parameters are 0. */
  gradients(): Promise<Numbers>
  /** In parameter order; what `update` goes by. */
  writeGradients(gradients: ArrayLike<number>): Promise<void>
  /** Copies; in the arrays of `into`, an earlier result, if given. */
  readState(into?: SessionState): Promise<SessionState>
  /** Takes the whole state; arrays in the order of the parameter table. Throws when a length differs. */
  writeState(state: Partial<SessionState>): Promise<void>
  /** Frees its buffers; it cannot be used any more. */
  dispose(): void
}

/** What a session runs: see sessionPrograms. */
export interface SessionPrograms {
  readonly evaluation: Program
  readonly training: {
    /** Null where it is in segments, in `sharing`. */
    readonly gradient: Program | null
    readonly update: Program
    readonly sharing: SharingPrograms | null
    readonly accumulation: readonly [add: Program, finish: Program] | null
    readonly averaging: readonly [parameters: Program, running: Program] | null
  } | null
}

/** The programs of a session, on a backend of this precision. */
export function sessionPrograms(
  architecture: Architecture,
  options: SessionOptions,
  precision: Precision,
): SessionPrograms {
  const { batchSize, optimizer, memory = 'store', frozen = new Set<string>(), classWeights, from } = options
  const table = parameterTable(architecture)
  const loss: Loss = { ...(options.loss ?? { kind: 'crossEntropy' }), weighted: (classWeights ?? null) !== null }
  const { evaluated = architecture, ownStatistics = false } = options
  const common = { batchSize, precision, from }
  const evaluation = plan(evaluated, { ...common, mode: 'eval', loss: plainLoss(loss), ownStatistics })
  if (!optimizer) return { evaluation, training: null }
  const { parameterCount, runningCount } = table
  const { clipNorm = null, decayNorms = true, decayShifts = true } = options
  const gradient = plan(architecture, { ...common, mode: 'train', memory, loss, frozen })
  const training = {
    gradient: options.share ? null : gradient,
    sharing: options.share ? planSharing(gradient, table, frozen, options.share) : null,
    update: planUpdate(parameterCount, optimizer, {
      // Of the classifier alone the other gradients are never written.
      regions: updateRegions(table, { frozen, decayNorms, decayShifts }).filter(region => !(from && region.frozen)),
      clipNorm,
      precision,
    }),
    accumulation: options.accumulates
      ? ([
          planBlend(parameterCount, 'gradients', 'accumulated', { precision }),
          planBlend(parameterCount, 'accumulated', 'gradients', { precision }),
        ] as const)
      : null,
    averaging: options.averages
      ? ([
          planBlend(parameterCount, 'parameters', 'average', { precision }),
          planBlend(runningCount, 'running', 'averageRunning', { precision }),
        ] as const)
      : null,
  }
  return { evaluation, training }
}

/** All of them. */
export function programList({ evaluation, training }: SessionPrograms): Program[] {
  if (!training) return [evaluation]
  const { gradient, update, sharing, accumulation, averaging } = training
  const shared = sharing ? sharingList(sharing) : []
  return [evaluation, ...(gradient ? [gradient] : []), ...shared, update, ...(accumulation ?? []), ...(averaging ?? [])]
}

/** A network on a backend, ready for steps. Its weights are zeros until `writeState`; `dispose` frees them. `programs`: of
 * the same options, where they are planned already. Throws when the memory cannot be had. */
export async function createSession(
  architecture: Architecture,
  backend: Backend,
  options: SessionOptions,
  programs: SessionPrograms = sessionPrograms(architecture, options, backend.precision),
): Promise<Session> {
  const owned: DeviceBuffer[] = []
  const executables: Executable[] = []
  const dispose = (): void => {
    for (const executable of executables.splice(0)) executable.dispose()
    for (const buffer of owned.splice(0)) buffer.dispose()
  }
  const own = (buffer: DeviceBuffer): DeviceBuffer => {
    owned.push(buffer)
    return buffer
  }
  try {
    return await assemble(architecture, backend, options, { programs, own, executables, dispose })
  } catch (error) {
    dispose()
    throw error
  }
}

interface Resources {
  readonly programs: SessionPrograms
  readonly own: (buffer: DeviceBuffer) => DeviceBuffer
  readonly executables: Executable[]
  readonly dispose: () => void
}

async function assemble(
  architecture: Architecture,
  backend: Backend,
  options: SessionOptions,
  { programs, own, executables, dispose }: Resources,
): Promise<Session> {
  const { batchSize, classWeights, evaluated = architecture } = options
  const { classes } = architecture.config
  const table = parameterTable(architecture)
  const all = programList(programs)
  const buffers: Partial<Record<ExternalRole, DeviceBuffer>> = {}
  // The running statistics belong to the state, even where no program reads them. Of a shared gradient every process holds the
  // sum, though it may have no stretch of it to add up.
  const { elementType } = backend
  const rooms = {
    running: { elements: table.runningCount, elementType },
    ...(programs.training?.sharing ? { accumulated: { elements: table.parameterCount, elementType } } : {}),
    ...externalRooms(all),
  }
  for (const [role, { elements, elementType }] of Object.entries(rooms)) {
    buffers[role as ExternalRole] = own(backend.createBuffer(elements, elementType))
  }
  const arena = own(createArena(backend, Math.max(...all.map(({ arenaBytes }) => arenaBytes))))
  const { parameters, running, logits, loss, rank, predicted, average, averageRunning } = buffers
  const input = options.from ? buffers.features : buffers.input

  const compile = async (program: Program, instead = {}): Promise<Executable> => {
    const executable = await backend.compile(program, { ...buffers, arena, ...instead })
    executables.push(executable)
    return executable
  }
  const compilePair = async (pair: readonly [Program, Program] | null | undefined) =>
    pair ? [await compile(pair[0]), await compile(pair[1])] : null
  const evaluation = await compile(
    programs.evaluation,
    average ? { parameters: average, running: averageRunning } : undefined,
  )
  const training = programs.training && {
    gradient: programs.training.gradient && (await compile(programs.training.gradient)),
    update: await compile(programs.training.update),
  }
  const accumulation = await compilePair(programs.training?.accumulation)
  const averaging = await compilePair(programs.training?.averaging)
  if (classWeights) await buffers.classWeights?.write(classWeights)

  const shapeOf = (network: Architecture): BatchShape => {
    const { inputChannels, height, width } = network.config
    const scores = scoresOf(network)
    return {
      batchSize,
      imageElements: options.from ? input!.elements / batchSize : inputChannels * height * width,
      classes,
      labelsOfEach: scores.height * scores.width,
      multiLabel: options.loss?.multiLabel ?? false,
    }
  }
  const [trainedShape, evaluatedShape] = [shapeOf(architecture), shapeOf(evaluated)]
  /** Of the last batch. */
  let scoresOfEach = classes
  const load = async (batch: SessionBatch, shape: BatchShape): Promise<void> => {
    checkBatch(batch, shape)
    scoresOfEach = shape.labelsOfEach * classes
    if (predicted) {
      await Promise.all([input!.write(batch.images), buffers.labels!.write(batch.labels)])
      return
    }
    const { size, images, labels, otherLabels = labels, share = new Float32Array(size).fill(1) } = batch
    // crossEntropy weighs two labels itself; for the other the label only says what the rank is of: the larger share's.
    const ranked =
      batch.share && options.loss?.kind === 'binaryCrossEntropy'
        ? Float32Array.from({ length: size }, (_, n) => (share[n]! >= 0.5 ? labels : otherLabels)[n]!)
        : labels
    await Promise.all([
      input!.write(images),
      buffers.labels?.write(ranked),
      buffers.otherLabels?.write(otherLabels),
      buffers.share?.write(share),
      buffers.targets?.write(batch.targets ?? targetsOf({ size, labels, otherLabels, share }, classes)),
    ])
  }
  const result = async (size: number, { labelsOfEach }: BatchShape): Promise<StepResult> => {
    const losses = await loss!.read(0, size)
    if (!predicted) return { losses, ranks: await rank!.read(0, size) }
    return { losses, ranks: new Float32Array(size), predicted: await predicted.read(0, size * labelsOfEach) }
  }
  const lone = normsOfOneValue(architecture, options.frozen)
  const loadTrained = async (batch: SessionBatch): Promise<void> => {
    if (batch.size === 1 && lone.length > 0) throw new DenseNetError(loneImageProblem(lone))
    await load(batch, trainedShape)
  }
  const untrained = (): never => {
    throw new Error('this session was made without an optimizer')
  }
  const meanOf = async (images: number): Promise<void> => accumulation?.[1]?.run({ batch: 1, keep: 0, add: 1 / images })
  const gradient: Session['gradient'] = async (batch, { seed = 0, step = 0, pendingImages = 0, update = true }) => {
    if (!training?.gradient) return untrained()
    await loadTrained(batch)
    await training.gradient.run({ batch: batch.size, seed, step })
    await accumulation?.[0]?.run({ batch: 1, keep: pendingImages > 0 ? 1 : 0, add: batch.size })
    if (update) await meanOf(pendingImages + batch.size)
    return result(batch.size, trainedShape)
  }
  const update: Session['update'] = async ({ learningRate, step = 0, updates = step, averageKeeps: keep = 0 }) => {
    if (!training) return untrained()
    await training.update.run({ batch: 1, learningRate, step: updates })
    for (const blend of averaging ?? []) await blend.run({ batch: 1, keep, add: 1 - keep })
  }
  const sharing = programs.training?.sharing
  const resources = { buffers, compile, load: loadTrained, result: (size: number) => result(size, trainedShape) }
  return {
    architecture,
    table,
    batchSize,
    shared: sharing ? await createSharedGradient(sharing, resources, options.share!.rank) : null,
    async trainStep(batch, args) {
      const made = await gradient(batch, args)
      if (args.update ?? true) await update(args)
      return made
    },
    gradient,
    update,
    async finishUpdate({ pendingImages = 0, ...args }) {
      await meanOf(pendingImages)
      await update(args)
    },
    async evaluate(batch) {
      await load(batch, evaluatedShape)
      await evaluation.run({ batch: batch.size })
      return result(batch.size, evaluatedShape)
    },
    logits: size => logits!.read(0, size * scoresOfEach),
    gradients: () => buffers.gradients?.read() ?? untrained(),
    writeGradients: values => buffers.gradients?.write(values) ?? untrained(),
    async readState(into) {
      const copy = (name: ExternalRole, to?: Numbers): Promise<Numbers> =>
        buffers[name]!.read(0, buffers[name]!.elements, to)
      const held = TRAINING_BUFFERS.filter(name => buffers[name])
      const read = await Promise.all(held.map(async name => [name, await copy(name, into?.training[name])] as const))
      return {
        parameters: await copy('parameters', into?.parameters),
        running: await copy('running', into?.running),
        training: Object.fromEntries(read),
      }
    },
    async writeState(state) {
      if (state.parameters) await parameters!.write(state.parameters)
      if (state.running) await running!.write(state.running)
      const fresh = { average: state.parameters, averageRunning: state.running }
      for (const [name, values] of Object.entries({ ...fresh, ...state.training })) {
        if (values) await buffers[name as TrainingBuffer]?.write(values)
      }
    },
    dispose,
  }
}

/** The weights to use: the averages where there are any, and nothing that only training needs. */
export function weightsOf({ parameters, running, training }: SessionState): SessionState {
  return { parameters: training.average ?? parameters, running: training.averageRunning ?? running, training: {} }
}
