/** A network behind HTTP.
 * @module densenet/server */

export { createServer, type DenseNetServer, type ServerOptions } from '../server/server.js'
