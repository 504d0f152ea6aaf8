/** A network behind HTTP.
 * @module densenet/server */

export { SERVER } from '../server/options.js'
export { createServer, type DenseNetServer, type ServerOptions } from '../server/server.js'
