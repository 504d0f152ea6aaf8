/** Programs, sessions, backends. Loads anywhere; the native backend, when it is asked for, in Node.
 * @module densenet/engine */

export { type DeviceReport, devices, type GpuReport } from '../backends/devices.js'
export { type BackendChoice, backendNames, createBackend } from '../backends/registry.js'
export type * from '../engine/backend.js'
export { createFeatureExtractor, type FeatureExtractor } from '../engine/features.js'
export type { Loss } from '../engine/loss.js'
export { type PlanOptions, plan } from '../engine/planner.js'
export type { Program } from '../engine/program.js'
export {
  createSession,
  type Session,
  type SessionBatch,
  type SessionOptions,
  type SessionState,
  type StepArguments,
  type StepResult,
  type TrainingBuffer,
  weightsOf,
} from '../engine/session.js'
export * from '../engine/update.js'
