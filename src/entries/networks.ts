/** Networks by name or path, and files of weights.
 * @module densenet/networks */

export { cachedBytes, fetchModel, modelPath, removeModel } from '../networks/fetch.js'
export { NAMED_MODELS, type NamedFile, type NamedModel, namedModel } from '../networks/named.js'
export { type OpenOptions, openNetwork } from '../networks/open-network.js'
export { isOriginalCheckpoint, ORIGINAL_LATEST, readOriginalCheckpoint } from '../networks/original-checkpoint.js'
export { SHIPPED, shippedErrors } from '../networks/shipped.js'
export { readWeights } from '../networks/weight-files.js'
