/** Time and memory of networks on this machine.
 * @module densenet/bench */

export { measure } from '../bench/measure.js'
export { measureHere } from '../bench/measure-here.js'
export { completeWork, type KernelTime, type Measurement, type Work } from '../bench/work.js'
