/** The page on which a network is taught to tell one's own things apart.
 * @module densenet/playground */

export {
  PLAYGROUND_PORT,
  type PlaygroundOptions,
  type RunningPlayground,
  servePlayground,
} from '../playground/serve.js'
export { writePlayground } from '../playground/write.js'
